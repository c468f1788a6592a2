//! Ordinary programs: curl against a server of ours, Python's http.server against a client of ours.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::rig::{Rig, content, on_veth, short_msl};

/// A command in the peer's namespace.
fn command(rig: &Rig, program: &str) -> Command {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &rig.theirs.namespace, program]);
    command
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[test]
fn python_http_server_serves_a_file_to_us() {
    on_veth(|rig| async move {
        let directory = std::env::temp_dir().join(format!(
            "sockwright-http-{}-{}",
            std::process::id(),
            rig.ours.address.is_ipv4()
        ));
        std::fs::create_dir_all(&directory).expect("a directory");
        let file: Vec<u8> = content(7, 32).flatten().collect();
        std::fs::write(directory.join("file"), &file).expect("a file");

        let mut server = command(&rig, "python3")
            .args(["-u", "-m", "http.server", "--bind", &rig.theirs.address.to_string(), "--directory"])
            .arg(&directory)
            .arg("0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 runs");
        let mut line = String::new();
        BufReader::new(server.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
        let _server = Running(server);
        let port = line
            .split(" port ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .expect("`Serving HTTP on A port P`");

        let socket = rig.connect(rig.theirs.port(port.parse().expect("a port")), short_msl()).await;
        rig.send(socket, b"GET /file HTTP/1.0\r\n\r\n").await;
        let answer = rig.recv_to_end(socket).await;
        let body = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a header") + 4;
        assert!(answer.starts_with(b"HTTP/1.0 200 OK"));
        assert!(answer[body..] == file, "the file is not the file");
        rig.close(socket).await;
        std::fs::remove_dir_all(directory).expect("removed");
    });
}

#[test]
fn curl_fetches_from_us() {
    on_veth(|rig| async move {
        let (listener, local) = rig.listen(short_msl()).await;
        let curl = command(&rig, "curl")
            .args(["--silent", "--show-error", "--noproxy", "*", &format!("http://{local}/")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("curl runs");
        let curl = tokio::task::spawn_blocking(move || curl.wait_with_output().expect("curl ends"));
        let socket = rig.accept(listener).await;
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.extend_from_slice(&rig.recv(socket).await.expect("a request").data);
        }
        assert!(request.starts_with(b"GET / HTTP/1.1\r\n"));
        let body: Vec<u8> = content(8, 32).flatten().collect();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        rig.send(socket, head.as_bytes()).await;
        rig.send(socket, &body).await;
        rig.shutdown_write(socket).await;
        let output = curl.await.expect("waited");
        assert!(output.status.success());
        assert!(output.stdout == body, "curl got something else");
        assert!(rig.recv(socket).await.expect("the end").end_of_stream);
        rig.close(socket).await;
        rig.close(listener).await;
    });
}
