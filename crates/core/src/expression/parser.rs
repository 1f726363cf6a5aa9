//! From text to steps, in one pass, by recursive descent. Any text ends in steps or an error.

use super::suggestion::nearest;
use super::{DEPTH, Error, Step, VARIABLES};

/// One word of the text, and where it starts.
#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    text: &'a str,
    at: usize,
}

struct Parser<'a> {
    text: &'a str,
    token: Token<'a>,
    steps: Vec<Step>,
    /// Values on the stack after the steps so far.
    height: usize,
    /// Parentheses, functions and signs around the current token.
    nesting: usize,
}

pub(super) fn parse(text: &str) -> Result<Box<[Step]>, Error> {
    let mut parser =
        Parser { text, token: Token { text: "", at: 0 }, steps: Vec::new(), height: 0, nesting: 0 };
    parser.advance();
    parser.sum()?;
    match parser.token.text {
        "" => Ok(parser.steps.into()),
        _ => Err(parser.expected("an operator or the end")),
    }
}

impl<'a> Parser<'a> {
    fn sum(&mut self) -> Result<(), Error> {
        self.product()?;
        loop {
            let step = match self.token.text {
                "+" => Step::Add,
                "-" => Step::Subtract,
                _ => return Ok(()),
            };
            self.advance();
            self.product()?;
            self.emit(step)?;
        }
    }

    fn product(&mut self) -> Result<(), Error> {
        self.factor()?;
        loop {
            let step = match self.token.text {
                "*" => Step::Multiply,
                "/" => Step::Divide,
                _ => return Ok(()),
            };
            self.advance();
            self.factor()?;
            self.emit(step)?;
        }
    }

    fn factor(&mut self) -> Result<(), Error> {
        self.nesting += 1;
        if self.nesting > DEPTH {
            return Err(self.too_deep());
        }
        match self.token.text {
            "-" => {
                self.advance();
                self.factor()?;
                self.emit(Step::Negate)?;
            }
            "(" => {
                self.advance();
                self.sum()?;
                self.close("an operator or \")\"")?;
            }
            "min" => self.function(Step::Least)?,
            "max" => self.function(Step::Greatest)?,
            word if word.starts_with(|c: char| c.is_ascii_digit() || c == '.') => self.number()?,
            word if word.starts_with(is_letter) => self.variable()?,
            _ => return Err(self.expected("a number, a variable, min, max, \"-\" or \"(\"")),
        }
        self.nesting -= 1;
        Ok(())
    }

    fn function(&mut self, step: Step) -> Result<(), Error> {
        self.advance();
        if self.token.text != "(" {
            return Err(self.expected("\"(\""));
        }
        self.advance();
        self.sum()?;
        while self.token.text == "," {
            self.advance();
            self.sum()?;
            self.emit(step)?;
        }
        self.close("an operator, \",\" or \")\"")
    }

    fn close(&mut self, expected: &str) -> Result<(), Error> {
        if self.token.text != ")" {
            return Err(self.expected(expected));
        }
        self.advance();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Error> {
        match self.token.text.parse::<f64>() {
            Ok(number) if number.is_finite() => self.emit(Step::Number(number))?,
            _ => return Err(self.expected("a number such as 2 or 0.5")),
        }
        self.advance();
        Ok(())
    }

    fn variable(&mut self) -> Result<(), Error> {
        let word = self.token.text;
        let Some((_, variable, _)) = VARIABLES.iter().find(|(name, _, _)| *name == word) else {
            return Err(self.unknown(word));
        };
        self.emit(Step::Variable(*variable))?;
        self.advance();
        Ok(())
    }

    fn emit(&mut self, step: Step) -> Result<(), Error> {
        self.height = self.height - step.operands() + 1;
        if self.height > DEPTH {
            return Err(self.too_deep());
        }
        self.steps.push(step);
        Ok(())
    }

    fn advance(&mut self) {
        let from = self.token.at + self.token.text.len();
        let rest = &self.text[from..];
        let word = rest.trim_start();
        self.token = Token { text: &word[..word_length(word)], at: from + rest.len() - word.len() };
    }

    fn error(&self, message: String) -> Error {
        Error { column: self.text[..self.token.at].chars().count() + 1, message }
    }

    fn expected(&self, what: &str) -> Error {
        match self.token.text {
            "" => self.error(format!("expected {what}, but the expression ends here")),
            word => self.error(format!("expected {what}, not {word:?}")),
        }
    }

    fn too_deep(&self) -> Error {
        self.error(format!("nested deeper than {DEPTH}; simplify the expression"))
    }

    fn unknown(&self, word: &str) -> Error {
        let names = || VARIABLES.iter().map(|(name, _, _)| *name).chain(["min", "max"]);
        self.error(match nearest(word, names()) {
            Some(name) => format!("there is no variable {word:?}; did you mean {name:?}?"),
            None => {
                let known: Vec<&str> = names().collect();
                format!("there is no variable {word:?}; there are {}", known.join(", "))
            }
        })
    }
}

fn is_letter(character: char) -> bool {
    character.is_alphabetic() || character == '_'
}

/// Bytes of the word at the start: a name, a number (its exponent with its sign), or one character.
fn word_length(text: &str) -> usize {
    let mut before = ' ';
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let mut belongs = |character: char| {
        let sign_of_exponent = is_number && matches!(before, 'e' | 'E') && matches!(character, '+' | '-');
        before = character;
        is_letter(character) || character.is_numeric() || character == '.' || sign_of_exponent
    };
    let length = text.find(|character| !belongs(character)).unwrap_or(text.len());
    match (length, text.chars().next()) {
        (0, Some(first)) => first.len_utf8(),
        (length, _) => length,
    }
}
