//! What admins tell executions: yes or no to an approval, an end, another try.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::OfExecution;
use crate::domain::word::{From, Place, Version, What, Word};
use crate::operations::workflows::one;
use crate::operations::{
    Asked, Context, Kind, Nothing, Operation, Page, Part, Refusal, Verb, audit, cursor, page_size,
};
use crate::store::lists;
use crate::store::telling::{self, AT_ONCE, Asked as Question, AskedPlace, Chosen, Taken};

/// Lists what waits for an approval.
#[derive(Debug)]
pub struct Approvals;

impl Operation for Approvals {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/approvals";
    const NAME: &'static str = "listApprovals";
    const ABOUT: &'static str =
        "What waits for an approval, the oldest first. What is answered goes from the list.";
    type Path = Nothing;
    type Query = Part;
    type Body = Nothing;
    type Output = Page<Question>;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Page<Question>, Refusal> {
        let limit = page_size(asked.query.limit)?;
        let behind: Option<AskedPlace> = cursor::read(asked.query.cursor.as_deref())?;
        let found = telling::asked(&context.pool, None, behind, limit + 1).await?;
        Ok(Page::cut(found, limit, |of| (of.since, of.execution, of.node.clone(), of.item.clone())))
    }
}

/// An answer to an approval.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Which approval, if the execution waits for several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Of which items of the loops around it, from the outermost, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Vec<u32>>,
    /// What later nodes and the trace show beside it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Who says so. For the command line on a database: who else asks is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// An approval that was answered.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Answered {
    /// The execution.
    pub execution: Uuid,
    /// The node that asked.
    pub node: String,
    /// Whether it goes on by `yes`.
    pub granted: bool,
}

macro_rules! answers {
    ($(#[$doc:meta])* $name:ident, $path:literal, $id:literal, $about:literal, $granted:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl Operation for $name {
            const VERB: Verb = Verb::Post;
            const PATH: &'static str = $path;
            const NAME: &'static str = $id;
            const ABOUT: &'static str = $about;
            type Path = OfExecution;
            type Query = Nothing;
            type Body = Answer;
            type Output = Answered;

            async fn run(context: &Context, asked: Asked<Self>) -> Result<Answered, Refusal> {
                answer(context, asked.path.execution, asked.body, $granted).await
            }
        }
    };
}

answers!(
    /// Says yes to an approval.
    Approve, "/executions/{execution}/approve", "approve", "Says yes to an approval; the execution goes on at once.", true
);
answers!(
    /// Says no to an approval.
    Refuse, "/executions/{execution}/refuse", "refuse", "Says no to an approval; the execution goes on at once.", false
);

/// Who is shown to have said it. Who comes by a key or an account is that one, whatever they say.
pub(in crate::operations) fn by_whom(context: &Context, said: Option<String>) -> Result<String, Refusal> {
    let is_local = context.who.is_local();
    match said {
        Some(said) if is_local => Ok(said),
        Some(_) => Err(Refusal::new(Kind::Forbidden, "by-another", "nobody speaks for somebody else here")
            .help("leave out `by`: who asks is known by the key or the account")),
        None if is_local => Ok("the command line".into()),
        None => Ok(context.who.name.clone()),
    }
}

async fn answer(context: &Context, id: Uuid, answer: Answer, granted: bool) -> Result<Answered, Refusal> {
    let by = by_whom(context, answer.by)?;
    let asked = telling::asked(&context.pool, Some(id), None, lists::MOST).await?;
    let item = |asked: &Question| -> Vec<u32> {
        asked.item.iter().filter_map(|at| u32::try_from(*at).ok()).collect()
    };
    let meant: Vec<&Question> = asked
        .iter()
        .filter(|asked| answer.node.as_ref().is_none_or(|node| *node == asked.node))
        .filter(|asked| answer.item.as_ref().is_none_or(|wanted| *wanted == item(asked)))
        .collect();
    let one = match meant.as_slice() {
        [one] => one,
        [] => {
            let at = answer.node.as_deref().map_or_else(String::new, |node| format!(" at `{node}`"));
            let message = format!("execution {id} waits for no approval{at}");
            return Err(Refusal::new(Kind::Conflict, "no-approval", message)
                .help("`thendo executions approvals` lists what waits for one"));
        }
        several => {
            let places: Vec<_> =
                several.iter().map(|one| format!("--node {}{}", one.node, items(&item(one)))).collect();
            let message = format!("execution {id} waits for {} approvals", several.len());
            return Err(Refusal::new(Kind::Conflict, "several-approvals", message)
                .help(format!("say which: {}", places.join(", "))));
        }
    };
    let place = Place { node: one.node.clone(), item: item(one) };
    let what = if granted { What::Approve(place) } else { What::Refuse(place) };
    let word = Word { what, by, comment: answer.comment };
    let mut transaction = context.begin().await?;
    let refusal = match telling::answer(&mut *transaction, id, (&one.node, &one.item), &word).await? {
        Taken::Told => None,
        Taken::Answered => {
            Some(("answered-before", format!("`{}` of execution {id} was just answered", one.node)))
        }
        Taken::Gone => Some(("waits-no-more", format!("execution {id} waits no more"))),
    };
    if let Some((code, message)) = refusal {
        return Err(Refusal::new(Kind::Conflict, code, message)
            .help("`thendo executions show` tells what became of it"));
    }
    let act = if granted { "execution.approve" } else { "execution.refuse" };
    let detail = json!({"node": one.node, "comment": word.comment});
    audit::note(&mut transaction, &context.who, act, id, detail).await?;
    transaction.commit().await?;
    Ok(Answered { execution: id, node: one.node.clone(), granted })
}

fn items(item: &[u32]) -> String {
    if item.is_empty() {
        return String::new();
    }
    let item: Vec<String> = item.iter().map(ToString::to_string).collect();
    format!(" --item {}", item.join(","))
}

/// Which executions a word is for: those that are named, or those of a workflow, or all.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = WhichExecutions)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// Their ids, at most 500.
    #[schema(max_items = 500)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub executions: Vec<Uuid>,
    /// All of this workflow: its name or id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// All there are.
    #[serde(default)]
    pub all: bool,
    /// Of those, only the ones of the last so many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_s: Option<i64>,
    /// `next` of the answer before: 500 are told at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Uuid>,
    /// Only count them.
    #[serde(default)]
    pub dry_run: bool,
    /// Who says so. For the command line on a database: who else asks is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// How many were told, or would be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = ToldExecutions)]
pub struct Told {
    /// How many of these.
    pub told: usize,
    /// What to hand in as `after` for those that come next; missing if these were the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Uuid>,
}

/// What is to be cancelled.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelWhat {
    /// Which executions.
    pub which: Which,
}

/// Ends executions that rest.
#[derive(Debug)]
pub struct Cancel;

impl Operation for Cancel {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/executions/cancel";
    const NAME: &'static str = "cancelExecutions";
    const ABOUT: &'static str =
        "Ends executions that rest: what waits, or was not reached, does not happen any more.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = CancelWhat;
    type Output = Told;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Told, Refusal> {
        tell(context, asked.body.which, What::Cancel, "no such execution rests").await
    }
}

/// What is to be tried again, and how.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryWhat {
    /// Which executions.
    pub which: Which,
    /// From where.
    #[serde(default)]
    pub from: From,
    /// On which version of the workflow.
    #[serde(default)]
    pub on: Version,
}

/// Tries failed executions again.
#[derive(Debug)]
pub struct Retry;

impl Operation for Retry {
    const VERB: Verb = Verb::Post;
    const PATH: &'static str = "/executions/retry";
    const NAME: &'static str = "retryExecutions";
    const ABOUT: &'static str =
        "Tries failed executions again, as another attempt: what was done is not repeated.";
    type Path = Nothing;
    type Query = Nothing;
    type Body = RetryWhat;
    type Output = Told;

    async fn run(context: &Context, asked: Asked<Self>) -> Result<Told, Refusal> {
        let RetryWhat { which, from, on } = asked.body;
        let none = "no such execution has failed, or it was tried again already";
        tell(context, which, What::Retry { from, version: on }, none).await
    }
}

async fn tell(context: &Context, which: Which, what: What, none: &str) -> Result<Told, Refusal> {
    let Which { executions, workflow, all, since_s, after, dry_run, by } = which;
    let by = by_whom(context, by)?;
    let ways = usize::from(!executions.is_empty()) + usize::from(workflow.is_some()) + usize::from(all);
    let at_once = usize::try_from(AT_ONCE).unwrap_or(0);
    if ways != 1 || executions.len() > at_once {
        let message = "it is not clear which executions are meant";
        return Err(Refusal::new(Kind::Malformed, "which-executions", message)
            .help("name `executions` (at most 500), or `workflow`, or `all`: one of the three"));
    }
    let is_named = !executions.is_empty();
    let ids = if is_named {
        executions
    } else {
        let workflow = match &workflow {
            Some(name) => Some(one(&mut *context.pool.acquire().await?, name).await?.id),
            None => None,
        };
        let chosen = Chosen { workflow, since_s };
        match what {
            What::Retry { .. } => telling::failed(&context.pool, &chosen, after, AT_ONCE).await?,
            _ => telling::resting(&context.pool, &chosen, after, AT_ONCE).await?,
        }
    };
    let next = ids.last().copied().filter(|_| !is_named && ids.len() == at_once);
    if dry_run {
        return Ok(Told { told: ids.len(), next });
    }
    let act = if what == What::Cancel { "execution.cancel" } else { "execution.retry" };
    let word = Word { what, by, comment: String::new() };
    let mut transaction = context.begin().await?;
    let told = telling::tell(&mut *transaction, &ids, &word).await?;
    if told.is_empty() && is_named {
        let help =
            "`thendo executions list --status failed` and `--status waiting` list what can be told something";
        return Err(Refusal::new(Kind::Conflict, "none-to-tell", none).help(help));
    }
    for id in &told {
        audit::note(&mut transaction, &context.who, act, id, json!({})).await?;
    }
    transaction.commit().await?;
    Ok(Told { told: told.len(), next })
}
