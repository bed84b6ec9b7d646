//! The site: pages, posts, the changelog.

use super::FieldType::{Id, Integer, Json, List, Text, Time};
use super::{Field, Subject};

/// A page of the site.
pub static PAGE: Subject = Subject {
    name: "page",
    table: "pages",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("slug", Text),
        Field::required("title", Text),
        Field::new("description", Text),
        Field::new("status", Text),
        Field::new("published_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A section of a page.
pub static CONTENT: Subject = Subject {
    name: "content",
    table: "page_content",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("page_id", Id),
        Field::required("section", Text),
        Field::new("content", Json),
        Field::new("status", Text),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// Somebody looked at a page.
pub static PAGE_VIEW: Subject = Subject {
    name: "page_view",
    table: "page_views",
    open: false,
    fields: &[
        Field::new("id", Integer),
        Field::required("page_id", Id),
        Field::new("user_id", Id),
        Field::new("visitor", Text),
        Field::new("referrer", Text),
        Field::new("user_agent", Text),
        Field::new("viewed_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// A post of the blog.
pub static POST: Subject = Subject {
    name: "post",
    table: "blog_posts",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("slug", Text),
        Field::required("title", Text),
        Field::new("excerpt", Text),
        Field::new("body", Text),
        Field::new("author", Text),
        Field::new("tags", List),
        Field::new("status", Text),
        Field::new("published_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};

/// An entry of the changelog.
pub static CHANGELOG: Subject = Subject {
    name: "changelog",
    table: "changelog_entries",
    open: false,
    fields: &[
        Field::new("id", Id),
        Field::required("slug", Text),
        Field::new("version", Text),
        Field::required("title", Text),
        Field::new("body", Text),
        Field::new("category", Text),
        Field::new("status", Text),
        Field::new("published_at", Time),
        Field::new("created_at", Time),
        Field::new("updated_at", Time),
        Field::new("created_by", Id),
    ],
};
