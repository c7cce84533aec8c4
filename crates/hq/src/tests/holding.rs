//! Connections that somebody only holds: they end, and nobody holds all of them.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Home;
use super::device::Device;

#[tokio::test]
async fn a_request_whose_body_never_comes_is_ended() {
    let home = Home::new().await;
    let server = home.serve().await;
    let mut stream = Device::new(1).connect(server.api_address(), true).await;
    let head = b"POST /v1/join HTTP/1.1\r\nHost: hq\r\nContent-Length: 10\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(40), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "it is still held");
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    server.stop().await;
}

#[tokio::test]
async fn one_address_does_not_take_every_place() {
    let home = Home::new().await;
    let server = home.serve().await;
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(TcpStream::connect(server.api_address()).await.unwrap());
    }
    let mut one_more = TcpStream::connect(server.api_address()).await.unwrap();
    let read = tokio::time::timeout(Duration::from_secs(5), one_more.read(&mut [0; 1])).await;
    assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
    drop(held);
    server.stop().await;
}
