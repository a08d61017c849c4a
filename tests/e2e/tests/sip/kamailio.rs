//! A Kamailio of one test: free port, databases in a temporary directory, stopped by its process id.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use calport_e2e::until;
use serde_json::{Value, json};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What the RPC interface wants to see.
pub const TOKEN: &str = "calport-secret";
/// How long the server may take to come up, or to end, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub struct Kamailio {
    /// Port of SIP over UDP and of HTTP.
    pub port: u16,
    directory: tempfile::TempDir,
    child: Child,
}

/// What `pua.publish` is given besides its constant parameters.
#[derive(Clone, Copy)]
pub struct Publication<'a> {
    pub user: &'a str,
    pub expires: &'a str,
    pub publisher: &'a str,
    pub tag: &'a str,
    pub document: Option<&'a str>,
}

impl Default for Publication<'_> {
    fn default() -> Self {
        Self { user: "anna", expires: "60", publisher: "calport", tag: ".", document: None }
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("Kamailio's log:\n{}", self.log());
        }
        self.end();
    }
}

impl Kamailio {
    /// Starts a server with empty databases.
    pub async fn start() -> Self {
        loop {
            let directory = tempfile::Builder::new().prefix("calport-sip-").tempdir_in(memory()).unwrap();
            for name in ["presence", "pua"] {
                database(&directory.path().join(format!("{name}.sqlite"))).await;
            }
            let port = free_port();
            let child = spawn(directory.path(), port);
            let mut server = Self { port, directory, child };
            if server.comes_up().await {
                return server;
            }
            // Somebody else took the port in between.
            assert!(server.log().contains("Address already in use"), "Kamailio does not start:\n{}", server.log());
        }
    }

    /// Ends the server as a service manager does, and starts it again with the same databases.
    pub async fn restart(&mut self) {
        self.end();
        self.child = spawn(self.directory.path(), self.port);
        assert!(self.comes_up().await, "Kamailio does not start again:\n{}", self.log());
    }

    /// URL of the RPC interface.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/RPC", self.port)
    }

    /// Calls a method with parameters: status and JSON. `None` when no answer came within the time.
    pub async fn call(&self, method: &str, params: Value, most: Duration) -> Option<(u16, Value)> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "", "params": params }).to_string();
        // The server compares the beginning, so the order of the members matters.
        let params = body.split_once("\"params\":").unwrap().1.rsplit_once('}').unwrap().0;
        let body = format!("{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":{params}}}");
        self.post(&body, TOKEN, most).await
    }

    /// Posts a body: status and JSON, null where there is none.
    pub async fn post(&self, body: &str, token: &str, most: Duration) -> Option<(u16, Value)> {
        let request = format!(
            "POST /RPC HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        tokio::time::timeout(most, exchange(self.port, &request)).await.ok().flatten()
    }

    /// Publishes: status and JSON.
    pub async fn publish(&self, it: Publication<'_>) -> (u16, Value) {
        self.try_publish(it, PATIENCE).await.expect("an answer to pua.publish")
    }

    /// Publishes; `None` when no answer came within the time.
    pub async fn try_publish(&self, it: Publication<'_>, most: Duration) -> Option<(u16, Value)> {
        let media_type = if it.document.is_some() { "application/pidf+xml" } else { "." };
        let uri = format!("sip:{}@127.0.0.1", it.user);
        let proxy = format!("sip:127.0.0.1:{}", self.port);
        let mut params = vec![&*uri, it.expires, "presence", media_type, it.publisher, it.tag, &*proxy, "."];
        params.extend(it.document);
        self.call("pua.publish", json!(params), most).await
    }

    /// Waits until the server has just these publications of a user, by their entity tags. It answers and notifies a moment before
    /// its database has them.
    pub async fn has(&self, user: &str, tags: &[&str]) {
        let mut last = Vec::new();
        let came = until(PATIENCE, async || {
            last = self.publications(user).await;
            last == tags
        });
        assert!(came.await.is_ok(), "publications of {user}: {last:?}, not {tags:?}");
    }

    /// Waits until the server has so many publications of a user.
    pub async fn counts(&self, user: &str, number: usize) {
        let came = until(PATIENCE, async || self.publications(user).await.len() == number);
        assert!(came.await.is_ok(), "publications of {user}: {:?}, not {number}", self.publications(user).await);
    }

    async fn publications(&self, user: &str) -> Vec<String> {
        let mut database = SqliteConnection::connect_with(&options(&self.directory.path().join("presence.sqlite"))).await.unwrap();
        sqlx::query_scalar("SELECT etag FROM presentity WHERE username = ?").bind(user).fetch_all(&mut database).await.unwrap()
    }

    /// Makes the presence server forget everything, as if it had lost its database.
    pub async fn forget(&self) {
        let mut database = SqliteConnection::connect_with(&options(&self.directory.path().join("presence.sqlite"))).await.unwrap();
        sqlx::query("DELETE FROM presentity").execute(&mut database).await.unwrap();
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.directory.path().join("log")).unwrap_or_default()).into_owned()
    }

    async fn comes_up(&mut self) -> bool {
        let call = self.port;
        let mut ended = false;
        let came = until(PATIENCE, async || {
            ended = self.child.try_wait().unwrap().is_some();
            ended || exchange(call, "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n").await.is_some()
        });
        came.await.is_ok() && !ended
    }

    /// Asks the main process to end, and then the whole group, which is this server's alone.
    fn end(&mut self) {
        let group = format!("-{}", self.child.id());
        let kill = |signal: &str, target: &str| Command::new("kill").args([signal, "--", target]).stderr(Stdio::null()).status().ok();
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            kill("-TERM", &self.child.id().to_string());
            let began = std::time::Instant::now();
            while began.elapsed() < PATIENCE && self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        kill("-KILL", &group);
        self.child.wait().ok();
    }
}

/// One request on a connection of its own.
async fn exchange(port: u16, request: &str) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.ok()?;
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.ok()?;
        answer.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: ")?.trim().parse::<usize>().ok()).unwrap_or(0);
            if body.len() >= length {
                return Some((head.split(' ').nth(1)?.parse().ok()?, serde_json::from_str(body).unwrap_or_default()));
            }
        }
        if read == 0 {
            return None;
        }
    }
}

fn spawn(directory: &Path, port: u16) -> Child {
    let text = std::fs::read_to_string(peer("kamailio.cfg")).unwrap();
    let text = text.replace("PORT", &port.to_string()).replace("TOKEN", TOKEN).replace("DATA", directory.to_str().unwrap());
    let file = directory.join("kamailio.cfg");
    std::fs::write(&file, text).unwrap();
    let log = std::fs::File::options().create(true).append(true).open(directory.join("log")).unwrap();
    let mut command = Command::new(program("kamailio"));
    command.arg("-f").arg(&file).args(["-DD", "-E", "-m", "32", "-Y"]).arg(directory).arg("-w").arg(directory);
    command.arg("-P").arg(directory.join("pid"));
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).process_group(0).spawn().unwrap()
}

/// A file beside the other peers.
pub fn peer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../peers/sip").join(name)
}

/// A program of the distribution; those for administrators are not in everybody's search path.
pub fn program(name: &str) -> PathBuf {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"].map(|folder| Path::new(folder).join(name));
    let found = found.into_iter().find(|path| path.exists());
    found.unwrap_or_else(|| panic!("{name} is not installed: see tests/peers/sip/README.md"))
}

/// A port that is free for UDP and TCP. Not from those that the system hands out by itself.
pub fn free_port() -> u16 {
    loop {
        let port = rand::random_range(20_000..32_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(file).create_if_missing(true).busy_timeout(PATIENCE)
}

/// Where files stay in memory, if there is such a place. Kamailio's SQLite does not wait for another writer (`database is
/// locked`), and two of its processes write; on a busy disk a commit took long enough for them to meet.
fn memory() -> PathBuf {
    let place = Path::new("/dev/shm");
    if place.is_dir() { place.to_owned() } else { std::env::temp_dir() }
}

/// A database with Kamailio's own tables. With a write-ahead log readers do not make its writes fail.
async fn database(file: &Path) {
    let mut database = SqliteConnection::connect_with(&options(file).journal_mode(SqliteJournalMode::Wal)).await.unwrap();
    for part in ["standard", "presence"] {
        let script = Path::new("/usr/share/kamailio/db_sqlite").join(format!("{part}-create.sql"));
        let script =
            std::fs::read_to_string(&script).unwrap_or_else(|e| panic!("{}: {e}; install kamailio-sqlite-modules", script.display()));
        sqlx::raw_sql(sqlx::AssertSqlSafe(script)).execute(&mut database).await.unwrap();
    }
    database.close().await.unwrap();
}
