//! The operations of EWS that Calport uses, each with its reply.
//!
//! | to | use |
//! |---|---|
//! | read a window or a folder | [`FindItem`] |
//! | read items by id | [`GetItem`] |
//! | follow a folder | [`SyncFolderItems`], [`SyncFolderHierarchy`] |
//! | write | [`CreateItem`], [`UpdateItem`], [`DeleteItem`], [`AnswerInvitation`] |
//! | send mail | [`SendMail`] |
//! | automatic replies | [`GetUserOofSettings`], [`SetUserOofSettings`] |
//! | free/busy | [`GetUserAvailability`] |
//! | find people | [`ResolveNames`] |
//! | probe a folder (SEMANTICS C-12) | [`GetFolder`] |
//! | be told of changes | [`Subscribe`], [`GetStreamingEvents`], [`GetEvents`], [`Unsubscribe`]: [`notifications`] |
//! | zones of the server | [`GetServerTimeZones`] |
//! | categories and the mailbox's zone | [`GetUserConfiguration`], [`UpdateUserConfiguration`], [`CreateUserConfiguration`] |

mod availability;
mod configuration;
mod find;
mod folders;
mod names;
pub mod notifications;
mod oof;
mod sync;
mod time_zones;
mod write;

pub use availability::{BusySpan, FreeBusy, GetUserAvailability};
pub use configuration::{Configuration, CreateUserConfiguration, GetUserConfiguration, UpdateUserConfiguration, WellKnownConfiguration};
pub use find::{FindItem, GetItem, Items, Page, View};
pub use folders::{FolderInfo, Folders, GetFolder};
pub use names::{Resolution, Resolutions, ResolveNames};
pub use notifications::{GetEvents, GetStreamingEvents, Subscribe, Unsubscribe};
pub use oof::{ExternalAudience, GetUserOofSettings, OofSettings, OofState, SetUserOofSettings};
pub use sync::{Change, Changes, HierarchyChange, HierarchyChanges, SyncFolderHierarchy, SyncFolderItems};
pub use time_zones::{GetServerTimeZones, TimeZones};
pub use write::{AnswerInvitation, AttendeeMail, CreateItem, DeleteItem, Invitation, SendMail, UpdateItem};
