//! A body is read into a buffer that has room for it from the start, and not for more than is allowed.

use http::{Request, Response};
use kinde_users_core::Transport;
use kinde_users_fake::contract::Server;
use kinde_users_ureq::{Kind, UreqTransport};

fn get(server: &Server) -> Request<Vec<u8>> {
    Request::get(server.origin()).body(Vec::new()).unwrap()
}

#[test]
fn a_body_gets_the_room_that_it_is_said_to_need() {
    const LENGTH: usize = 345_678;
    let server = Server::answering(|_| Response::new(vec![b' '; LENGTH])).unwrap();
    let body = UreqTransport::new().send(get(&server)).unwrap().into_body();
    assert_eq!((body.len(), body.capacity()), (LENGTH, LENGTH));
}

#[test]
fn a_body_that_is_said_to_be_immense_gets_no_more_room_than_is_allowed() {
    // More than any machine has: asking for it would end the program.
    let server = Server::answering(|_| {
        Response::builder().header("content-length", u64::MAX / 2).body(vec![b' '; 99]).unwrap()
    });
    let server = server.unwrap();
    let error = UreqTransport::new().body_limit(64).send(get(&server)).unwrap_err();
    assert_eq!(error.kind(), Kind::BodyTooLong(64));
}
