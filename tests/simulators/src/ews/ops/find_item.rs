//! `FindItem`: a window with series expanded, or pages of single items and masters; with conditions and an order.

use jiff::{SignedDuration, Timestamp};

use crate::ews::context::Context;
use crate::ews::ids::FolderKey;
use crate::ews::item::shown::{NOT_IN_TABLES, Shown, View};
use crate::ews::ops::stored;
use crate::ews::restriction::{compare, fits, texts};
use crate::ews::shape::Shape;
use crate::ews::soap::{Fault, Message, Trouble, response};
use crate::ews::time::Written;
use crate::ews::version::Version;
use crate::ews::xml::Element;
use crate::graph::event::{Event, Instance};

/// The window of a calendar view.
struct Window {
    from: Timestamp,
    to: Timestamp,
    most: Option<usize>,
}

/// A part of what was found, and how much there is.
struct Found {
    items: Vec<Element>,
    total: usize,
    last: bool,
    next: Option<usize>,
}

/// Answers the request.
pub(crate) fn run(context: &mut Context<'_>, request: &Element) -> Result<Element, Fault> {
    let shape = Shape::read(request.child("ItemShape"))?;
    let folders = request.child("ParentFolderIds").ok_or_else(|| Fault::schema("The element 'FindItem' has incomplete content."))?;
    let mut messages: Vec<Message> = Vec::new();
    for id in folders.children.clone() {
        let found = match context.folder(&id) {
            Err(trouble) => Err(trouble),
            Ok((index, folder)) => match shape.without(NOT_IN_TABLES) {
                Err(trouble) => Err(trouble),
                Ok(()) => find(context, request, index, folder, &shape)?,
            },
        };
        messages.push(found.map(|f| vec![root(f)]));
    }
    Ok(response("FindItem", messages))
}

fn root(found: Found) -> Element {
    let mut out = Element::new("m:RootFolder");
    if let Some(next) = found.next {
        out = out.attr("IndexedPagingOffset", next);
    }
    out.attr("TotalItemsInView", found.total)
        .attr("IncludesLastItemInRange", found.last)
        .with(Element::new("t:Items").with_all(found.items))
}

/// How items of a mailbox are written.
pub(crate) fn view(context: &Context<'_>, index: u32, table: bool) -> View {
    View {
        mailbox: index,
        owner: context.state.mailboxes.get(index as usize).map(|m| m.user.owner()).unwrap_or_default(),
        zone: context.zone.clone(),
        version: context.version,
        inline_zones: context.config.deviations.inline_zones,
        table,
    }
}

fn find(
    context: &mut Context<'_>,
    request: &Element,
    index: u32,
    folder: FolderKey,
    shape: &Shape,
) -> Result<Result<Found, Trouble>, Fault> {
    if let Some(calendar_view) = request.child("CalendarView") {
        let FolderKey::Calendar(calendar) = folder else {
            let text = "CalendarView can only be used with Calendar folders.";
            return Ok(Err(Trouble::new("ErrorCalendarFolderIsInvalidForCalendarView", text)));
        };
        if request.child("Restriction").is_some() || request.child("SortOrder").is_some() || request.child("QueryString").is_some() {
            return Err(Fault::new("ErrorInvalidRequest", "Restrictions and sort order may not be specified for a CalendarView."));
        }
        return Ok(window(context, calendar_view)?.and_then(|w| in_window(context, index, calendar, &w, shape)));
    }
    let mut items = match folder {
        FolderKey::Calendar(calendar) => calendar_items(context, request, index, calendar, shape)?,
        FolderKey::Other(number) => stored_items(context, request, index, number, shape)?,
    };
    if let Some(order) = request.at(&["SortOrder", "FieldOrder"]) {
        let down = order.attribute("Order") == Some("Descending");
        items.sort_by(|(a, _), (b, _)| if down { compare(b, a) } else { compare(a, b) });
    }
    Ok(page(context, request, items.into_iter().map(|(_, i)| i).collect()))
}

/// The window of the request.
fn window(context: &Context<'_>, view: &Element) -> Result<Result<Window, Trouble>, Fault> {
    let bound = |name: &str| {
        let text = view.attribute(name).ok_or_else(|| Fault::schema(format!("The required attribute '{name}' is missing.")))?;
        Ok::<_, Fault>(Written::read(text)?.instant(context.zone.as_ref()))
    };
    let (from, to) = (bound("StartDate")?, bound("EndDate")?);
    let most = view
        .attribute("MaxEntriesReturned")
        .map(|m| m.parse::<i64>().map_err(|_| Fault::schema("The 'MaxEntriesReturned' attribute is invalid.")))
        .transpose()?;
    if to < from {
        return Ok(Err(Trouble::new("ErrorCalendarEndDateIsEarlierThanStartDate", "EndDate is earlier than StartDate")));
    }
    if to.duration_since(from) > SignedDuration::from_hours(24 * context.config.view_days) {
        return Ok(Err(Trouble::new("ErrorCalendarViewRangeTooBig", "The specified view range exceeds the maximum range of two years.")));
    }
    if most.is_some_and(|m| m < 1) {
        return Ok(Err(Trouble::new("ErrorInvalidPagingMaxRows", "Paging max rows must be greater than 0.")));
    }
    Ok(Ok(Window { from, to, most: most.and_then(|m| usize::try_from(m).ok()) }))
}

fn in_window(context: &Context<'_>, index: u32, calendar: u32, window: &Window, shape: &Shape) -> Result<Found, Trouble> {
    let mailbox = context.open(index)?;
    let mut found: Vec<(Timestamp, &Event, Option<Instance<'_>>)> = Vec::new();
    for event in mailbox.events.values().filter(|e| e.calendar == calendar) {
        if event.series.is_none() {
            found.extend(event.when.touches(window.from, window.to).then(|| (event.when.starts(), event, None)));
            continue;
        }
        let instances = event.instances(window.from, window.to);
        if context.config.deviations.no_expansion {
            found.extend((!instances.is_empty()).then(|| (event.when.starts(), event, None)));
        } else {
            found.extend(instances.into_iter().map(|i| (i.when.starts(), event, Some(i))));
        }
    }
    found.sort_by_key(|(at, event, _)| (*at, event.key));
    let total = found.len();
    let limit = context.config.find_limit;
    let most = window.most.unwrap_or(usize::MAX).min(limit);
    if total > limit && most == limit && window.most != Some(limit) && context.version >= Version::Exchange2010 {
        return Err(too_many());
    }
    let view = view(context, index, true);
    let items =
        found.iter().take(most).map(|(_, event, instance)| Shown { view: &view, event, instance: instance.as_ref() }.element(shape));
    Ok(Found { items: items.collect(), total, last: total <= most, next: None })
}

fn too_many() -> Trouble {
    Trouble::new(
        "ErrorExceededFindCountLimit",
        "You have exceeded the maximum number of objects that can be returned for the find operation. Use paging to reduce the result size and try your request again.",
    )
}

/// The key of an order, and the item.
type Sorted = Vec<(String, Element)>;

/// Whether an item fits the request's condition, and its key in the request's order.
fn judge(request: &Element, render: &dyn Fn(&Shape) -> Element) -> Result<Option<String>, Fault> {
    let lookup = |path: &Element| texts(&render(&Shape::only(path)));
    if let Some(expression) = request.child("Restriction").and_then(|r| r.children.first())
        && !fits(expression, &lookup)?
    {
        return Ok(None);
    }
    let order = request.at(&["SortOrder", "FieldOrder"]).and_then(|o| o.children.first());
    Ok(Some(order.and_then(|p| lookup(p).into_iter().next()).unwrap_or_default()))
}

fn calendar_items(context: &Context<'_>, request: &Element, index: u32, calendar: u32, shape: &Shape) -> Result<Sorted, Fault> {
    let (view, whole) = (view(context, index, true), View { zone: None, ..self::view(context, index, false) });
    let Some(mailbox) = context.state.mailboxes.get(index as usize) else { return Ok(Vec::new()) };
    let mut out = Vec::new();
    for event in mailbox.events.values().filter(|e| e.calendar == calendar) {
        let render = |s: &Shape| Shown { view: &whole, event, instance: None }.element(s);
        if let Some(key) = judge(request, &render)? {
            out.push((key, Shown { view: &view, event, instance: None }.element(shape)));
        }
    }
    Ok(out)
}

fn stored_items(context: &mut Context<'_>, request: &Element, index: u32, folder: u32, shape: &Shape) -> Result<Sorted, Fault> {
    let mut out = Vec::new();
    for (key, item) in context.store.shelf(index).items_in(folder) {
        let render = |s: &Shape| stored::show(index, key, item, s);
        if let Some(order) = judge(request, &render)? {
            out.push((order, stored::listed(index, key, item, shape)));
        }
    }
    Ok(out)
}

/// The page that the request asks for.
fn page(context: &Context<'_>, request: &Element, items: Vec<Element>) -> Result<Found, Trouble> {
    let total = items.len();
    let limit = context.config.find_limit;
    let Some(paging) = request.child("IndexedPageItemView") else {
        if total > limit && context.version >= Version::Exchange2010 {
            return Err(too_many());
        }
        return Ok(Found { items: items.into_iter().take(limit).collect(), total, last: total <= limit, next: None });
    };
    let number = |name: &str| paging.attribute(name).and_then(|n| n.parse::<i64>().ok());
    let offset = usize::try_from(number("Offset").unwrap_or(0));
    let most = number("MaxEntriesReturned").map_or(Ok(limit), usize::try_from);
    let (Ok(offset), Ok(most @ 1..)) = (offset, most) else {
        return Err(Trouble::new("ErrorInvalidIndexedPagingParameters", "Indexed paging parameters are not valid."));
    };
    let most = most.min(limit);
    if paging.attribute("BasePoint") == Some("End") {
        let end = total.saturating_sub(offset);
        let start = end.saturating_sub(most);
        let items = items.into_iter().skip(start).take(end - start).collect();
        return Ok(Found { items, total, last: start == 0, next: Some(total - start) });
    }
    let items: Vec<Element> = items.into_iter().skip(offset).take(most).collect();
    let next = (offset + items.len()).min(total);
    Ok(Found { items, total, last: next >= total, next: Some(next) })
}
