// Calls the object that a reference names: for each line of input the node that answered, or the exception.
// Usage: client REFERENCE [again] [ORB options]; `again` repeats a call whose connection broke, three times.
#include <cstring>
#include <iostream>
#include "teller.hh"

static CORBA::Boolean repeat(void*, CORBA::ULong retries, const CORBA::COMM_FAILURE&) { return retries < 3; }

int main(int argc, char** argv) {
  CORBA::ORB_var orb = CORBA::ORB_init(argc, argv);
  if (argc > 2 && !std::strcmp(argv[2], "again")) omniORB::installCommFailureExceptionHandler(nullptr, repeat);
  CORBA::Object_var found = orb->string_to_object(argv[1]);
  Teller_var teller = Teller::_unchecked_narrow(found);
  for (std::string line; std::getline(std::cin, line);) try {
    CORBA::String_var same = teller->echo(line.c_str()), node = teller->node();
    std::cout << (line == same.in() ? node.in() : "changed") << std::endl;
  } catch (const CORBA::SystemException& e) {
    std::cout << e._name() << " " << e.NP_minorString() << std::endl;
  }
}
