//! What the operations of a live connection have still to tell: made beside what is written, one result ahead of each and
//! no more.
//!
//! An operation makes its next result when the one before has been written. While something is written to who reads slowly
//! the others go on being made: else they would stand still wherever they are, with a snapshot in hand, or opening what
//! all who follow a practice wait for.
//!
//! Whoever reads slowly is told nothing that has left their sight meanwhile. A result that had to wait is told only if it
//! still [stands](Gate::stands); what is being written is asked for every [`ASK_EVERY`], and is broken off with its
//! connection where it may not be told to its end, or where the session ends.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::{self, BoxFuture, Fuse};
use futures_util::stream::{self, AbortHandle, Abortable, BoxStream, FuturesUnordered, StreamFuture};
use futures_util::{Stream, StreamExt};

use super::Gate;
use super::answer::Told;

/// How often it is asked whether what is being written may still be told. Of the second in which nothing more is told to
/// who has lost access, this is the half.
pub(super) const ASK_EVERY: Duration = Duration::from_millis(500);

/// An operation that runs.
pub(super) struct Operation<G: Gate> {
    /// By which its client knows it.
    pub(super) id: String,
    /// Under which sight it makes its results.
    pub(super) looked: G::Looked,
    /// What it has still to tell; `None` where it is complete.
    results: Abortable<BoxStream<'static, Option<Box<Told>>>>,
}

impl<G: Gate> Operation<G> {
    /// An operation with these results, and by what it is stopped.
    pub(super) fn new(id: String, results: BoxStream<'static, Told>, looked: G::Looked) -> (Self, AbortHandle) {
        let results = results.map(|told| Some(Box::new(told))).chain(stream::iter([None]));
        let (results, abort) = stream::abortable(results.boxed());
        (Self { id, looked, results }, abort)
    }
}

impl<G: Gate> Stream for Operation<G> {
    type Item = Option<Box<Told>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.results.poll_next_unpin(cx)
    }
}

/// A result, `None` where the operation is complete, and the operation, which makes no other one until it goes on.
type Made<G> = (Option<Box<Told>>, Operation<G>);

/// The operations that run: of each its next result is being made, or has been and waits.
pub(super) struct Results<G: Gate> {
    making: FuturesUnordered<StreamFuture<Operation<G>>>,
    /// What was made while something else was written.
    made: VecDeque<Made<G>>,
}

impl<G: Gate> Results<G> {
    pub(super) fn new() -> Self {
        Self { making: FuturesUnordered::new(), made: VecDeque::new() }
    }

    /// Makes the next result of an operation.
    pub(super) fn goes_on(&mut self, operation: Operation<G>) {
        self.making.push(operation.into_future());
    }

    /// The next result; in place of one that had to wait and may not be told any more, why.
    pub(super) async fn next(&mut self, gate: &G) -> Made<G> {
        loop {
            let looked = self.made.front().map(|(_, operation)| operation.looked.clone());
            let Some(looked) = looked else { return self.make().await };
            // Boxed: who waits for what is made holds no room for asking.
            let stands = self.made_until(Box::pin(gate.stands(&looked))).await;
            if let Some((told, operation)) = self.made.pop_front() {
                let told = match stands {
                    Err(refused) if told.is_some() => Some(Box::new(Told::refused(refused))),
                    Ok(()) | Err(_) => told,
                };
                return (told, operation);
            }
        }
    }

    /// Makes results until this is written; `None` where it must not be written to its end: the session has ended, or what
    /// it shows may not be told any more.
    pub(super) async fn made_until_written<W: Future>(
        &mut self,
        write: W,
        ended: &mut Fuse<BoxFuture<'static, ()>>,
        (gate, shows): (&G, Option<&G::Looked>),
    ) -> Option<W::Output> {
        let broken_off = async {
            loop {
                tokio::time::sleep(ASK_EVERY).await;
                // Boxed, as above: what is written is seldom asked for.
                if let Some(looked) = shows
                    && Box::pin(gate.stands(looked)).await.is_err()
                {
                    return;
                }
            }
        };
        let written = self.made_until(write);
        tokio::select! {
            biased;
            outcome = written => Some(outcome),
            () = ended => None,
            () = broken_off => None,
        }
    }

    /// Makes results until this is done.
    pub(super) async fn made_until<T>(&mut self, done: impl Future<Output = T>) -> T {
        let mut done = pin!(done);
        loop {
            tokio::select! {
                biased;
                done = &mut done => return done,
                made = self.make() => self.made.push_back(made),
            }
        }
    }

    /// Waits until one more is made; for ever where nothing is.
    async fn make(&mut self) -> Made<G> {
        loop {
            match self.making.next().await {
                Some((Some(told), operation)) => return (told, operation),
                // It was complete before, or stopped.
                Some((None, _)) => {}
                None => future::pending().await,
            }
        }
    }

    /// Forgets what was made of an operation.
    pub(super) fn forget(&mut self, id: &str) {
        self.made.retain(|(_, operation)| operation.id != id);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;
    use crate::http::answer::Incidents;
    use crate::http::{Credentials, Refused};

    /// Lets everybody in, and lets nothing be told that is said to be out of sight.
    #[derive(Clone)]
    pub(in crate::http) struct Open;

    impl Gate for Open {
        type Viewer = ();
        type Looked = Arc<AtomicBool>;

        async fn identify(&self, _: Credentials) -> Result<(), Refused> {
            Ok(())
        }

        fn ended(&self, (): &()) -> impl Future<Output = ()> + Send + 'static + use<> {
            future::pending()
        }

        async fn stands(&self, is_out_of_sight: &Self::Looked) -> Result<(), Refused> {
            if is_out_of_sight.load(Ordering::Relaxed) { Err(Refused::new("FORBIDDEN", "No more.")) } else { Ok(()) }
        }

        fn key(&self, (): &()) -> Option<[u8; 16]> {
            None
        }
    }

    fn operation(id: &str, results: BoxStream<'static, Told>) -> Operation<Open> {
        Operation::new(id.to_owned(), results, Arc::default()).0
    }

    async fn a_while() {
        for _ in 0..9 {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_result_that_was_begun_is_made_while_another_is_written() {
        let (over, is_made) = oneshot::channel();
        let made = async move {
            yield_now().await;
            over.send(()).unwrap();
            Told::default()
        };
        let mut results = Results::new();
        results.goes_on(operation("a", stream::once(made).boxed()));
        let written = tokio::time::timeout(Duration::from_mins(1), results.made_until(is_made));
        assert_eq!(written.await, Ok(Ok(())), "what is written ends when the other is made");
        assert_eq!(results.next(&Open).await.1.id, "a");
    }

    #[tokio::test]
    async fn an_operation_is_one_result_ahead_and_no_more() {
        let mut results = Results::new();
        for id in ["a", "b"] {
            results.goes_on(operation(id, stream::repeat_with(Told::default).boxed()));
        }
        results.made_until(a_while()).await;
        assert_eq!(results.made.len(), 2);
        results.forget("a");
        let (_, operation) = results.next(&Open).await;
        assert_eq!((operation.id.as_str(), results.next(&Open).now_or_never().is_none()), ("b", true));
        results.goes_on(operation);
        assert_eq!(results.next(&Open).await.1.id, "b");
    }

    #[tokio::test]
    async fn a_result_that_had_to_wait_is_told_only_if_it_still_stands() {
        let whole = || Incidents::new(1).tell(async_graphql::Response::new(async_graphql::Value::Null));
        for is_lost in [false, true] {
            let mut results = Results::new();
            results.goes_on(operation("a", stream::repeat_with(whole).boxed()));
            results.made_until(a_while()).await;
            results.made[0].1.looked.store(is_lost, Ordering::Relaxed);
            let (told, _) = results.next(&Open).await;
            assert_eq!(told.unwrap().is_unexecuted(), is_lost);
        }
    }
}
