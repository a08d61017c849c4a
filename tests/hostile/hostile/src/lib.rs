//! A connector for tests of the host.
