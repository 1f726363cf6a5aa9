//! What a session has been through beyond the attempt that stands: mostly nothing, and then it costs one word.

use std::sync::Arc;

use super::{Attempt, Failure, News};
use crate::cluster::Cluster;
use crate::moment::Moment;
use crate::node::NodeIndex;

/// Attempts that failed, and what became known about nodes.
#[derive(Debug, Default)]
pub(super) struct Past(Option<Box<Events>>);

#[derive(Debug, Default)]
struct Events {
    failed: Vec<Attempt>,
    /// The failed ones' places in the cluster, those of them that it has.
    tried: Vec<NodeIndex>,
    news: Vec<News>,
}

impl Past {
    /// The failed attempts, in order.
    pub(super) fn failed(&self) -> &[Attempt] {
        self.0.as_ref().map_or(&[], |events| &events.failed)
    }

    /// The places of their nodes.
    pub(super) fn tried(&self) -> &[NodeIndex] {
        self.0.as_ref().map_or(&[], |events| &events.tried)
    }

    /// Adds a failed attempt, and its node's place if the cluster still has it.
    pub(super) fn add(&mut self, attempt: Attempt, place: Option<NodeIndex>) {
        let events = self.0.get_or_insert_default();
        events.failed.push(attempt);
        events.tried.extend(place);
    }

    /// Looks the nodes up in a newer plan's cluster.
    pub(super) fn look_up_in(&mut self, cluster: &Cluster) {
        let Some(events) = &mut self.0 else { return };
        let places = events.failed.iter().filter_map(|attempt| cluster.index_of_state(&attempt.node));
        events.tried = places.collect();
    }

    /// Marks the nodes down whose attempts failed like this.
    pub(super) fn blame(&mut self, failure: Failure, retry_at: Moment) {
        let Some(Events { failed, news, .. }) = self.0.as_deref_mut() else { return };
        for attempt in failed.iter().filter(|attempt| attempt.failure == Some(failure)) {
            if attempt.node.mark_down(retry_at) {
                news.push(News::Down(Arc::clone(&attempt.node), failure));
            }
        }
    }

    pub(super) fn note(&mut self, news: News) {
        self.0.get_or_insert_default().news.push(news);
    }

    pub(super) fn take_news(&mut self) -> Vec<News> {
        self.0.as_mut().map(|events| std::mem::take(&mut events.news)).unwrap_or_default()
    }

    pub(super) fn into_failed(self) -> Vec<Attempt> {
        self.0.map(|events| events.failed).unwrap_or_default()
    }
}
