//! Contexts in the hand: task-locals of another place, or none.

#![allow(clippy::unwrap_used, reason = "test crate")]

#[path = "support/records.rs"]
mod records;

use std::cell::RefCell;
use std::rc::Rc;

use loopscope::context::Context;
use loopscope::{TaskGroup, call_soon, task, task_local, yield_now};
use records::run;

task_local! {
    static REQUEST: String;
}

fn request() -> Option<String> {
    REQUEST.try_with(Clone::clone).ok()
}

#[test]
fn a_context_is_a_value_and_what_runs_in_it_sees_its_values_alone() {
    run(async {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let context = REQUEST.sync_scope("kept".to_owned(), Context::current);
        assert_eq!(request(), None);
        assert_eq!(context.run(request).as_deref(), Some("kept"));
        let body = REQUEST.scope("outer".to_owned(), async {
            assert_eq!(Context::current().run(request).as_deref(), Some("outer"));
            let builder = task::Builder::new();
            assert_eq!(
                builder.context(&context).spawn(async { request() }).await.unwrap().as_deref(),
                Some("kept")
            );
            assert_eq!(
                builder.context(&context).eager().spawn(async { request() }).await.unwrap().as_deref(),
                Some("kept")
            );
            assert_eq!(builder.context(&Context::new()).spawn(async { request() }).await.unwrap(), None);
            assert_eq!(context.scope(async { request() }).await.as_deref(), Some("kept"));
            assert_eq!(request().as_deref(), Some("outer"), "and here nothing has changed");
            for here in [&context, &Context::new()] {
                let seen = Rc::clone(&seen);
                here.run(|| call_soon(move || seen.borrow_mut().push(request())));
            }
            // What is spawned in a group sees what its maker sees there.
            let group = TaskGroup::new();
            let child = context.run(|| group.spawn(async { Ok::<_, std::io::Error>(request()) }));
            group.close().await.unwrap();
            assert_eq!(child.await.unwrap().as_deref(), Some("kept"));
            // A task in it goes on with it, and two tasks in one context do not touch each other.
            let two = [1, 2].map(|number| {
                builder.context(&context).spawn(REQUEST.scope(number.to_string(), async {
                    yield_now().await;
                    request().unwrap()
                }))
            });
            for (number, task) in ["1", "2"].into_iter().zip(two) {
                assert_eq!(task.await.unwrap(), number);
            }
        });
        body.await;
        yield_now().await;
        assert_eq!(*seen.borrow(), [Some("kept".to_owned()), None]);
        assert_eq!(
            format!("{context:?} {:?}", Context::new()),
            "Context { len: 1, .. } Context { len: 0, .. }"
        );
    });
}

#[test]
fn a_future_is_dropped_in_the_context_it_runs_in() {
    run(async {
        let trace = Rc::new(RefCell::new(None));
        let context = REQUEST.sync_scope("kept".to_owned(), Context::current);
        let sees = Rc::clone(&trace);
        let future = async move {
            let _sees = Sees(sees);
            std::future::pending::<()>().await;
        };
        let task = loopscope::spawn(context.scope(future));
        yield_now().await;
        assert!(task.cancel().await.is_none());
        assert_eq!(trace.take().as_deref(), Some("kept"));
    });
}

#[test]
fn what_comes_through_a_handle_sees_nothing() {
    records::run_live(REQUEST.scope("here".to_owned(), async {
        let handle = loopscope::Handle::current();
        let (sender, receiver) = futures_channel::oneshot::channel();
        handle.post(move || drop(sender.send(request()))).unwrap();
        assert_eq!(receiver.await.unwrap(), None);
        let (sender, receiver) = futures_channel::oneshot::channel();
        handle.spawn(move || async move { drop(sender.send(request())) }).unwrap();
        assert_eq!(receiver.await.unwrap(), None);
    }));
}

/// Notes what it sees when it is dropped.
struct Sees(Rc<RefCell<Option<String>>>);

impl Drop for Sees {
    fn drop(&mut self) {
        *self.0.borrow_mut() = request();
    }
}
