#![allow(clippy::unwrap_used, reason = "tests")]
//! Streams with buffers over sockets: connections, waits, resets, back-pressure.

use loopscope::net::TcpListener;
use loopscope::spawn;
use loopscope::stream::open_connection;

#[path = "support/records.rs"]
mod records;

#[test]
fn lines_go_to_a_server_and_back() {
    records::run_live(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (reader, writer) = stream.into_split();
            let mut reader = loopscope::stream::StreamReader::new(reader);
            let mut writer = loopscope::stream::StreamWriter::new(writer);
            let mut lines = Vec::new();
            let mut each = reader.lines();
            while let Some(line) = each.next_line().await.unwrap() {
                writer.write(line.to_uppercase().as_bytes()).unwrap();
                writer.write(b"\n").unwrap();
                writer.drain().await.unwrap();
                lines.push(line);
            }
            writer.close().await.unwrap();
            lines
        });
        let (mut reader, mut writer) = open_connection(address).await.unwrap();
        assert_eq!(reader.get_ref().peer_addr().unwrap(), address);
        assert!(reader.get_ref().nodelay().unwrap());
        writer.write_vectored(&[b"one\n", b"", b"two\n"]).unwrap();
        assert_eq!(reader.read_line().await.unwrap(), b"ONE\n");
        assert_eq!(reader.read_line().await.unwrap(), b"TWO\n");
        writer.write_all(b"three").await.unwrap();
        writer.shutdown().await.unwrap();
        assert!(writer.is_closing());
        assert_eq!(reader.read_to_end().await.unwrap(), b"THREE\n");
        assert!(reader.at_eof());
        writer.close().await.unwrap();
        assert_eq!(server.await.unwrap(), ["one", "two", "three"]);
    });
}
