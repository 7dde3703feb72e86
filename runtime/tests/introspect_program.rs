//! Stacks through everything that one awaits through: our own scopes and macros, combinators and channels of other libraries,
//! services, bodies and boxes.

#![allow(clippy::unwrap_used, reason = "test crate")]
#![cfg(feature = "stacks")]

#[path = "support/records.rs"]
mod records;
#[path = "support/stacks.rs"]
mod stacks;

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join_all, select_all};
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use loopscope::sync::Mutex;
use loopscope::{Runner, TaskGroup, spawn, timeout, yield_now};
use tower::ServiceExt;

const SOURCE: &str = include_str!("introspect_program.rs");
const HOUR: Duration = Duration::from_secs(3_600);

/// What the parts of the program wait for: nobody ever lets go of any of it.
struct World {
    own: Mutex<u8>,
    foreign: tokio::sync::Mutex<u8>,
    answers: RefCell<Vec<tokio::sync::oneshot::Receiver<u8>>>,
    messages: async_channel::Receiver<u8>,
}

type Shared = Rc<World>;

async fn lock_of_ours(world: Shared) {
    drop(world.own.lock().await);
}

async fn lock_of_tokio(world: Shared) {
    drop(world.foreign.lock().await);
}

async fn answer(world: Shared) {
    let receiver = world.answers.borrow_mut().pop().unwrap();
    receiver.await.unwrap();
}

async fn message(world: Shared) {
    world.messages.recv().await.unwrap();
}

#[rustfmt::skip] // a line for each arm
async fn joined(world: Shared) {
    loopscope::join!(
        lock_of_ours(world.clone()),
        lock_of_tokio(world.clone()),
        answer(world),
    );
}

async fn selected(world: Shared) {
    loopscope::select! {
        () = lock_of_ours(world.clone()) => {}
        () = message(world.clone()) => {}
    }
}

async fn grouped(world: Shared) {
    let group = TaskGroup::new();
    group.spawn(lock_of_tokio(world));
    group.close().await.unwrap();
}

async fn limited(world: Shared) {
    timeout(HOUR, message(world)).await.unwrap();
}

async fn streamed(world: Shared) {
    let mut locks = std::pin::pin!(stream::iter(0..3).then(|_| lock_of_ours(world.clone())));
    locks.next().await;
}

async fn buffered(world: Shared) {
    let mut locks =
        std::pin::pin!(stream::iter(0..9).map(|_| lock_of_ours(world.clone())).buffer_unordered(4));
    locks.next().await;
}

async fn unordered_and_foreign(world: Shared) {
    let mut locks: FuturesUnordered<_> = (0..3).map(|_| lock_of_tokio(world.clone())).collect();
    locks.next().await;
}

async fn few_joined(world: Shared) {
    join_all((0..3).map(|_| message(world.clone()))).await;
}

async fn many_joined(world: Shared) {
    join_all((0..40).map(|_| lock_of_ours(world.clone()))).await;
}

async fn first_of_boxed(world: Shared) {
    let boxed: Vec<Pin<Box<dyn Future<Output = ()>>>> =
        vec![Box::pin(lock_of_ours(world.clone())), Box::pin(lock_of_tokio(world))];
    select_all(boxed).await;
}

async fn served(world: Shared) {
    let service = tower::service_fn(|world| async move {
        lock_of_tokio(world).await;
        Ok::<_, Infallible>(1)
    });
    service.map_response(|number: u8| number + 1).oneshot(world).await.unwrap();
}

async fn body(world: Shared) {
    let frames = stream::once(async move {
        lock_of_ours(world).await;
        Ok::<_, Infallible>(Frame::data(Bytes::new()))
    });
    BodyExt::collect(StreamBody::new(std::pin::pin!(frames))).await.unwrap();
}

/// As the crate `async-trait` writes it.
trait Handler {
    fn handle<'a>(&'a self, world: Shared) -> Pin<Box<dyn Future<Output = ()> + 'a>>;
}

struct App;

impl Handler for App {
    fn handle<'a>(&'a self, world: Shared) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(async move {
            message(world).await;
        })
    }
}

async fn dispatched(world: Shared) {
    let handler: Box<dyn Handler> = Box::new(App);
    handler.handle(world).await;
}

/// The world, and what keeps it as it is.
fn world(answers: usize) -> (Shared, Vec<tokio::sync::oneshot::Sender<u8>>, async_channel::Sender<u8>) {
    let (senders, receivers) = (0..answers).map(|_| tokio::sync::oneshot::channel()).unzip();
    let (sender, messages) = async_channel::unbounded();
    let (own, foreign) = (Mutex::new(0), tokio::sync::Mutex::new(0));
    let world = World { own, foreign, answers: RefCell::new(receivers), messages };
    (Rc::new(world), senders, sender)
}

/// The picture of a part of the program, when it has come as far as it gets.
async fn picture(part: impl Future<Output = ()> + 'static) -> String {
    let task = spawn(part);
    yield_now().await;
    yield_now().await;
    let picture = stacks::picture_of(task.id(), SOURCE).await;
    task.cancel().await;
    picture.replace("introspect_program::", "")
}

macro_rules! check {
    ($($name:ident: $part:ident is $expected:literal;)+) => {$(
        #[test]
        fn $name() {
            records::run_on(Runner::builder(), async {
                let (world, _senders, _sender) = world(1);
                let _own = world.own.lock().await;
                let _foreign = world.foreign.lock().await;
                stacks::assert_picture(&picture($part(world.clone())).await, $expected.trim_start());
            });
        }
    )+};
}

check! {
    through_join: joined is "
joined: loopscope::join!(
  {branch of joined}: lock_of_ours(world.clone()),
  lock_of_ours: drop(world.own.lock().await);
  loopscope::sync::Mutex::lock
  {branch of joined}: lock_of_tokio(world.clone()),
  lock_of_tokio: drop(world.foreign.lock().await);
  tokio::sync::mutex::Mutex::lock: in tokio
  (Foreign)
  {branch of joined}: answer(world),
  answer: receiver.await.unwrap();
  tokio::oneshot::Receiver
  (Foreign)";
    through_select: selected is "
selected: loopscope::select! {
  {branch of selected}: () = lock_of_ours(world.clone()) => {}
  lock_of_ours: drop(world.own.lock().await);
  loopscope::sync::Mutex::lock
  {branch of selected}: () = message(world.clone()) => {}
  message: world.messages.recv().await.unwrap();
  async_channel::Recv
  (Foreign)";
    through_a_group: grouped is "
grouped: group.close().await.unwrap();
loopscope::TaskGroup::close";
    through_a_timeout: limited is "
limited: timeout(HOUR, message(world)).await.unwrap();
loopscope::timeout
message: world.messages.recv().await.unwrap();
async_channel::Recv
(Foreign)";
    through_a_stream: streamed is "
streamed: locks.next().await;
futures_util::Next
futures_util::Then
lock_of_ours: drop(world.own.lock().await);
loopscope::sync::Mutex::lock";
    through_buffer_unordered: buffered is "
buffered: locks.next().await;
futures_util::Next
futures_util::BufferUnordered
futures_util::FuturesUnordered
(Combinator)
  lock_of_ours: drop(world.own.lock().await);
  loopscope::sync::Mutex::lock
  (times 4)";
    to_a_combinator_whose_children_cannot_be_asked: unordered_and_foreign is "
unordered_and_foreign: locks.next().await;
futures_util::Next
futures_util::FuturesUnordered
(Combinator)";
    through_a_small_join_all: few_joined is "
few_joined: join_all((0..3).map(|_| message(world.clone()))).await;
futures_util::JoinAll
futures_util::MaybeDone
message: world.messages.recv().await.unwrap();
async_channel::Recv
(Foreign)
(times 3)";
    through_a_large_join_all: many_joined is "
many_joined: join_all((0..40).map(|_| lock_of_ours(world.clone()))).await;
futures_util::JoinAll
futures_util::Collect
futures_util::FuturesOrdered
futures_util::FuturesUnordered
(Combinator)
  futures_util::OrderWrapper
  lock_of_ours: drop(world.own.lock().await);
  loopscope::sync::Mutex::lock
  (times 40)";
    through_boxed_futures: first_of_boxed is "
first_of_boxed: select_all(boxed).await;
futures_util::SelectAll
  lock_of_ours: drop(world.own.lock().await);
  loopscope::sync::Mutex::lock
  lock_of_tokio: drop(world.foreign.lock().await);
  tokio::sync::mutex::Mutex::lock: in tokio
  (Foreign)";
    through_a_tower_service: served is "
served: service.map_response(|number: u8| number + 1).oneshot(world).await.unwrap();
tower::Oneshot
tower::MapResponseFuture
futures_util::MapOk
futures_util::Map
futures_util::IntoFuture
{async block in served}: lock_of_tokio(world).await;
lock_of_tokio: drop(world.foreign.lock().await);
tokio::sync::mutex::Mutex::lock: in tokio
(Foreign)";
    through_a_body_of_hyper: body is "
body: BodyExt::collect(StreamBody::new(std::pin::pin!(frames))).await.unwrap();
http_body_util::Collect
http_body_util::StreamBody
futures_util::Once
{async block in body}: lock_of_ours(world).await;
lock_of_ours: drop(world.own.lock().await);
loopscope::sync::Mutex::lock";
    through_a_trait_with_boxed_futures: dispatched is "
dispatched: handler.handle(world).await;
{async block in App::handle}: message(world).await;
message: world.messages.recv().await.unwrap();
async_channel::Recv
(Foreign)";
}
