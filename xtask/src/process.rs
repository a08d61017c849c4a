//! Running other programs: cargo, rustup, python3.
//!
//! A program that takes long is never silent: every ten seconds a line says what runs and for how long, with what is
//! to be expected. Programs run in the workspace with our standard input closed off unless they are interactive.

use std::io::{IsTerminal, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How often a running program is reported.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How often a running program is asked whether it has ended. Short enough not to be felt.
const POLL: Duration = Duration::from_millis(50);

/// How much of a program's output is kept to find its summary in: the end, where summaries stand.
const KEPT_OUTPUT: usize = 1024 * 1024;

/// What a program that was watched left behind.
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// The end of what it printed on both channels, without colours; empty if it was not captured.
    pub output: String,
    /// How long it ran.
    pub elapsed: Duration,
}

/// A cargo command of the same toolchain, in an environment as if it had been called by hand.
///
/// `cargo run` gives us variables about this very crate; some build scripts (that of `ring`) look at them and would
/// build everything again whenever they change.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let ours = text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_MANIFEST_")
            || matches!(text.as_ref(), "CARGO_BIN_NAME" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR");
        if ours {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a short command and returns its standard output.
///
/// # Errors
/// When it cannot be started or fails; what it said on standard error is in the message.
pub fn capture(command: &mut Command) -> anyhow::Result<String> {
    let line = line_of(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run `{line}`"))?;
    if !output.status.success() {
        bail!("`{line}` failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` printed something that is not UTF-8"))
}

/// Whether a command can be started and succeeds; its output is thrown away.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs a command whose output goes straight to the terminal, with a heartbeat.
///
/// # Errors
/// When it cannot be started or fails.
pub fn watch(command: &mut Command, what: &str, expected: Option<&str>) -> anyhow::Result<Duration> {
    let line = line_of(command);
    announce(what, expected);
    // A builder's standard output would spoil ours, which belongs to results.
    let child = command.stdin(Stdio::null()).stdout(std::io::stderr()).spawn();
    let child = child.with_context(|| format!("cannot run `{line}`"))?;
    let (status, elapsed) = wait(child, what, expected)?;
    if !status.success() {
        bail!("{what} failed after {} ({status}): `{line}`", seconds(elapsed));
    }
    Ok(elapsed)
}

/// Runs a command with a heartbeat, shows its output on standard error as it comes, and keeps the end of it.
///
/// # Errors
/// When it cannot be started. A command that fails is no error here: see [`Finished::status`].
pub fn tee(command: &mut Command, what: &str) -> anyhow::Result<Finished> {
    let line = line_of(command);
    announce(what, None);
    if std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always").env("PY_COLORS", "1");
    }
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot run `{line}`"))?;
    let out = child.stdout.take().map(copy_to_stderr);
    let err = child.stderr.take().map(copy_to_stderr);
    let (status, elapsed) = wait(child, what, None)?;
    let mut output = join(err);
    output.push('\n');
    output.push_str(&join(out));
    Ok(Finished { status, output: without_colours(&output), elapsed })
}

/// A duration as people say it: `4.2 s`, `3 min 05 s`.
pub fn seconds(elapsed: Duration) -> String {
    let whole = elapsed.as_secs();
    if whole < 60 { format!("{:.1} s", elapsed.as_secs_f64()) } else { format!("{} min {:02} s", whole / 60, whole % 60) }
}

/// Says on standard error what begins now.
fn announce(what: &str, expected: Option<&str>) {
    match expected {
        Some(expected) => eprintln!("==> {what} ({expected})"),
        None => eprintln!("==> {what}"),
    }
}

fn wait(mut child: Child, what: &str, expected: Option<&str>) -> anyhow::Result<(ExitStatus, Duration)> {
    let begin = Instant::now();
    let mut next = HEARTBEAT;
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("lost sight of: {what}"))? {
            return Ok((status, begin.elapsed()));
        }
        if begin.elapsed() >= next {
            let hint = expected.map(|text| format!(" ({text})")).unwrap_or_default();
            eprintln!("    ... {what}: {} so far{hint}", seconds(next));
            next += HEARTBEAT;
        }
        thread::sleep(POLL);
    }
}

/// Copies a channel to our standard error and keeps its end.
fn copy_to_stderr(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut kept = Vec::new();
        let mut buffer = [0_u8; 8192];
        while let Ok(count) = from.read(&mut buffer) {
            let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
            // A closed terminal must not stop the tests.
            let _ = std::io::stderr().write_all(piece);
            kept.extend_from_slice(piece);
            if kept.len() > 2 * KEPT_OUTPUT {
                kept.drain(..kept.len() - KEPT_OUTPUT);
            }
        }
        kept
    })
}

fn join(handle: Option<JoinHandle<Vec<u8>>>) -> String {
    let bytes = handle.and_then(|handle| handle.join().ok()).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Takes terminal colour sequences (`ESC [ ... m`) out of a text.
fn without_colours(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        clean.push_str(before);
        rest = match after.strip_prefix('[') {
            Some(sequence) => sequence.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, tail)| tail),
            None => after,
        };
    }
    clean.push_str(rest);
    clean
}

/// The command as one would type it, for messages.
fn line_of(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    let mut line = name;
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out_and_text_stays() {
        assert_eq!(without_colours("\u{1b}[32;1mSummary\u{1b}[0m 3 tests"), "Summary 3 tests");
        assert_eq!(without_colours("plain"), "plain");
        assert_eq!(without_colours("cut \u{1b}[3"), "cut ");
    }

    #[test]
    fn durations_read_like_speech() {
        assert_eq!(seconds(Duration::from_millis(4_250)), "4.2 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn output_of_both_channels_is_kept_with_the_status() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo to-out; echo to-err >&2; exit 3"]);
        let finished = tee(&mut command, "a test").unwrap();
        assert_eq!(finished.status.code(), Some(3));
        assert!(finished.output.contains("to-out"), "{}", finished.output);
        assert!(finished.output.contains("to-err"), "{}", finished.output);
    }

    #[test]
    fn a_failing_command_is_named_with_what_it_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no such luck >&2; exit 1"]);
        let error = capture(&mut command).unwrap_err().to_string();
        assert!(error.contains("sh -c") && error.contains("no such luck"), "{error}");
    }
}
