//! What a template may contain, judged on its syntax tree before any of it is folded or compiled.
//!
//! Instructions are counted when it runs, but one of them can double a text. So what makes values grow is bounded
//! here: nothing is assigned, loops nest twice, few values are joined, and only numbers are multiplied.

mod links;
mod shapes;

use std::collections::{BTreeSet, HashSet};
use std::thread;

use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, ForLoop, Stmt, UnaryOpKind};
use minijinja::value::ValueKind;

use minijinja::machinery::Span;

use super::expression::SyntaxFault;
use super::filters::{signatures, test_exists};
use super::secrets;
use links::Links;
use shapes::{flat, holds_list, is_small};

/// Bytes of one template.
pub const MAX_TEMPLATE_BYTES: usize = 64 * 1024;
/// Bytes of one expression.
pub const MAX_EXPRESSION_BYTES: usize = 4 * 1024;
const MAX_DEPTH: usize = 200;
const MAX_LOOPS: usize = 2;
/// Of `~` and `+` in one expression: each copies what those before it gave.
const MAX_JOINS: usize = 8;
/// Of items of lists, and of comparisons in a chain.
const MAX_ITEMS: usize = 32;
/// Where a slice ends at the latest: its letters are counted each time.
const MAX_SLICE: usize = 1_000;
/// Up to here any stack is deep enough.
const SHALLOW_BYTES: usize = 256;
/// The parser recurses for each sign of `------1`; virtual memory, touched only as far as it is needed.
const DEEP_STACK_BYTES: usize = 256 * 1024 * 1024;

/// A path that is multiplied: when it runs it must be a number.
pub type Factor = Vec<String>;

/// Runs what parses `source` on a stack that is deep enough for it.
pub(super) fn deep<T: Send>(
    source: &str,
    most_bytes: usize,
    parse: impl FnOnce() -> Result<T, SyntaxFault> + Send,
) -> Result<T, SyntaxFault> {
    if source.len() > most_bytes {
        return Err(fault(format!("it is longer than {} KiB", most_bytes / 1024)));
    }
    if source.len() <= SHALLOW_BYTES {
        return parse();
    }
    let unread = |why: String| fault(format!("it can't be read: {why}"));
    thread::scope(|scope| {
        let reader = thread::Builder::new().stack_size(DEEP_STACK_BYTES).spawn_scoped(scope, parse);
        let reader = reader.map_err(|error| unread(error.to_string()))?;
        reader.join().unwrap_or_else(|_| Err(unread("the parser failed".into())))
    })
}

fn fault(message: impl Into<String>) -> SyntaxFault {
    SyntaxFault { message: message.into(), range: None, help: None, code: None }
}

fn fault_within(message: impl Into<String>, span: Span) -> SyntaxFault {
    let range = span.start_offset as usize..span.end_offset as usize;
    SyntaxFault { message: message.into(), range: Some(range), help: None, code: None }
}

fn misplaced(message: &str, span: Span) -> SyntaxFault {
    secrets::misplaced(message, span.start_offset as usize..span.end_offset as usize)
}

/// Judges a template of this kind: `html`, `secret`, or plain text. Gives what must be numbers, and the secrets it names.
pub(super) fn check_template(
    root: &Stmt<'_>,
    kind: &str,
) -> Result<(Vec<Factor>, BTreeSet<String>), SyntaxFault> {
    let links = (kind == "html").then(Links::default);
    let mut check = Check { links, may_name_secrets: kind == secrets::KIND, ..Check::default() };
    check.statement(root, 0)?;
    Ok((check.factors, check.secrets))
}

/// Judges one expression; gives what must be numbers.
pub(super) fn check_expression(root: &Expr<'_>) -> Result<Vec<Factor>, SyntaxFault> {
    let mut check = Check::default();
    check.whole(root)?;
    Ok(check.factors)
}

#[derive(Default)]
struct Check {
    factors: Vec<Factor>,
    /// What loops name: not known before it runs.
    targets: HashSet<String>,
    loops: usize,
    joins: usize,
    items: usize,
    /// In HTML: where links begin.
    links: Option<Links>,
    may_name_secrets: bool,
    /// Those that are named.
    secrets: BTreeSet<String>,
}

pub(super) type Checked = Result<(), SyntaxFault>;

impl Check {
    fn statements(&mut self, all: &[Stmt<'_>], depth: usize) -> Checked {
        all.iter().try_for_each(|one| self.statement(one, depth + 1))
    }

    fn statement(&mut self, statement: &Stmt<'_>, depth: usize) -> Checked {
        too_deep(depth)?;
        match statement {
            Stmt::Template(template) => self.statements(&template.children, depth),
            Stmt::EmitRaw(raw) => {
                self.links.iter_mut().for_each(|links| links.raw(raw.raw));
                Ok(())
            }
            Stmt::Continue(_) | Stmt::Break(_) => Ok(()),
            Stmt::EmitExpr(emit) if self.may_name_secrets && secrets::is_call(&emit.expr) => {
                let named = secrets::named(&emit.expr);
                self.secrets.insert(named.map_err(|message| misplaced(message, emit.expr.span()))?);
                Ok(())
            }
            Stmt::EmitExpr(emit) => {
                let link = self.links.as_mut().map_or(Ok(()), |links| links.value(&emit.expr));
                link.map_err(|message| fault_within(message, emit.expr.span()))?;
                self.whole(&emit.expr)
            }
            Stmt::IfCond(choice) => {
                self.whole(&choice.expr)?;
                let before = self.links.clone();
                self.statements(&choice.true_body, depth)?;
                self.links = before;
                self.statements(&choice.false_body, depth)
            }
            Stmt::ForLoop(repeat) => self.repeat(repeat, depth),
            Stmt::Set(_) | Stmt::SetBlock(_) | Stmt::WithBlock(_) => {
                Err(fault("`set` and `with` are not allowed: write the value where it is used"))
            }
            _ => Err(fault("of Jinja's blocks only `if`, `for` and `raw` are allowed")),
        }
    }

    fn repeat(&mut self, repeat: &ForLoop<'_>, depth: usize) -> Checked {
        if repeat.recursive {
            return Err(fault("`recursive` loops are not allowed"));
        }
        if self.loops == MAX_LOOPS {
            return Err(fault(format!("loops may be nested at most {MAX_LOOPS} deep")));
        }
        names(&repeat.target, &mut self.targets);
        self.whole(&repeat.iter)?;
        flat(&repeat.iter)?;
        repeat.filter_expr.as_ref().map_or(Ok(()), |filter| self.whole(filter))?;
        self.loops += 1;
        self.statements(&repeat.body, depth)?;
        self.loops -= 1;
        self.statements(&repeat.else_body, depth)
    }

    fn whole(&mut self, root: &Expr<'_>) -> Checked {
        (self.joins, self.items) = (0, 0);
        self.expression(root, 0)
    }

    fn join(&mut self) -> Checked {
        self.joins += 1;
        match self.joins > MAX_JOINS {
            true => Err(fault(format!("more than {MAX_JOINS} `~` and `+` in one expression"))),
            false => Ok(()),
        }
    }

    fn hold(&mut self, count: usize) -> Checked {
        self.items += count;
        match self.items > MAX_ITEMS {
            true => Err(fault(format!("more than {MAX_ITEMS} items in one expression"))),
            false => Ok(()),
        }
    }

    fn expression(&mut self, root: &Expr<'_>, depth: usize) -> Checked {
        too_deep(depth)?;
        match root {
            Expr::BinOp(both) => match both.op {
                BinOpKind::Add => self.join()?,
                BinOpKind::Concat if holds_list(&both.left) || holds_list(&both.right) => {
                    return Err(fault("`~` joins texts: write `|join` behind a list"));
                }
                BinOpKind::Concat => self.join()?,
                BinOpKind::In if holds_list(&both.left) => return Err(fault("a list can't be looked for")),
                BinOpKind::In => self.hold(1)?,
                BinOpKind::Mul => {
                    self.factor(&both.left)?;
                    self.factor(&both.right)?;
                }
                _ => {}
            },
            Expr::Compare(chain) => self.hold(chain.ops.len())?,
            Expr::List(list) => self.hold(list.items.len())?,
            Expr::Tuple(tuple) => self.hold(tuple.items.len())?,
            Expr::Slice(slice) => {
                let fits = |bound: &Option<Expr<'_>>| bound.as_ref().map(is_small);
                if slice.step.is_some()
                    || fits(&slice.start) == Some(false)
                    || fits(&slice.stop) != Some(true)
                {
                    return Err(fault(format!("slices are written with numbers up to {MAX_SLICE}: `[:80]`")));
                }
            }
            Expr::Map(map) => self.hold(2 * map.values.len())?,
            Expr::Var(name) => self.own_name(name.id, name.span())?,
            Expr::Call(call) if secrets::is_call(root) => {
                return Err(misplaced("a secret can't stand here", call.span()));
            }
            Expr::Call(call) if !self.may_call(&call.expr) => {
                let message =
                    "only `range`, `dict` and `loop.cycle` can be called: filters are written `|upper`";
                return Err(fault_within(message, call.span()));
            }
            Expr::Filter(filter) => signatures::check(filter.name, &filter.args)
                .map_err(|message| fault_within(message, filter.span()))?,
            Expr::Test(test) if !test_exists(test.name) => {
                return Err(fault_within(format!("there is no test `{}`", test.name), test.span()));
            }
            _ => {}
        }
        below(root, &mut |part| self.expression(part, depth + 1))
    }

    /// Names that the library gives a meaning in other places.
    fn own_name(&self, name: &str, span: Span) -> Checked {
        match name {
            "loop" if self.loops == 0 => Err(fault_within("`loop` is there in a loop only", span)),
            "self" | "super" => Err(fault_within(format!("there is no `{name}` here"), span)),
            _ => Ok(()),
        }
    }

    fn may_call(&self, callee: &Expr<'_>) -> bool {
        match callee {
            Expr::Var(name) => matches!(name.id, "range" | "dict"),
            Expr::GetAttr(attribute) => {
                matches!(&attribute.expr, Expr::Var(of) if of.id == "loop")
                    && matches!(attribute.name, "cycle" | "changed")
            }
            _ => false,
        }
    }

    /// A text times a number is a longer text: so both must be numbers.
    fn factor(&mut self, root: &Expr<'_>) -> Checked {
        if let Some(path) = path(root) {
            if path.first().is_some_and(|root| !self.targets.contains(root) && root != "loop") {
                self.factors.push(path);
                return Ok(());
            }
            let counts = ["index", "index0", "length", "revindex", "revindex0", "depth"];
            if matches!(&path[..], [root, name] if root == "loop" && counts.contains(&name.as_str())) {
                return Ok(());
            }
        }
        match self.is_number(root) {
            true => Ok(()),
            false => Err(fault("`*` multiplies numbers: write `|int` or `|float` behind what is multiplied")),
        }
    }

    fn is_number(&mut self, root: &Expr<'_>) -> bool {
        match root {
            Expr::Const(constant) => constant.value.kind() == ValueKind::Number,
            Expr::UnaryOp(one) => matches!(one.op, UnaryOpKind::Neg),
            Expr::BinOp(both) => match both.op {
                BinOpKind::Add => self.factor(&both.left).is_ok() && self.factor(&both.right).is_ok(),
                BinOpKind::Sub
                | BinOpKind::Mul
                | BinOpKind::Div
                | BinOpKind::FloorDiv
                | BinOpKind::Rem
                | BinOpKind::Pow => true,
                _ => false,
            },
            Expr::Filter(filter) => match filter.name {
                "length" | "count" | "abs" | "round" => true,
                "int" | "float" => filter.args.is_empty(),
                _ => false,
            },
            _ => false,
        }
    }
}

fn too_deep(depth: usize) -> Checked {
    match depth > MAX_DEPTH {
        true => Err(fault(format!("it is nested more than {MAX_DEPTH} deep"))),
        false => Ok(()),
    }
}

fn path(root: &Expr<'_>) -> Option<Factor> {
    match root {
        Expr::Var(name) => Some(vec![name.id.to_owned()]),
        Expr::GetAttr(attribute) => {
            let mut path = path(&attribute.expr)?;
            path.push(attribute.name.to_owned());
            Some(path)
        }
        _ => None,
    }
}

pub(super) fn names(target: &Expr<'_>, out: &mut HashSet<String>) {
    if let Expr::Var(name) = target {
        out.insert(name.id.to_owned());
    }
    // The targets of an unpacking; it can't fail.
    let _done = below(target, &mut |part| {
        names(part, out);
        Ok(())
    });
}

/// Visits the parts of an expression.
pub(super) fn below(root: &Expr<'_>, visit: &mut dyn FnMut(&Expr<'_>) -> Checked) -> Checked {
    let arguments = |all: &[CallArg<'_>], visit: &mut dyn FnMut(&Expr<'_>) -> Checked| {
        all.iter().try_for_each(|argument| match argument {
            CallArg::Pos(part)
            | CallArg::Kwarg(_, part)
            | CallArg::PosSplat(part)
            | CallArg::KwargSplat(part) => visit(part),
        })
    };
    match root {
        Expr::Var(_) | Expr::Const(_) => Ok(()),
        Expr::UnaryOp(one) => visit(&one.expr),
        Expr::BinOp(both) => {
            visit(&both.left)?;
            visit(&both.right)
        }
        Expr::Compare(chain) => {
            visit(&chain.expr)?;
            chain.ops.iter().try_for_each(|op| visit(&op.expr))
        }
        Expr::IfExpr(choice) => {
            visit(&choice.test_expr)?;
            visit(&choice.true_expr)?;
            choice.false_expr.iter().try_for_each(visit)
        }
        Expr::Filter(filter) => {
            filter.expr.iter().try_for_each(&mut *visit)?;
            arguments(&filter.args, visit)
        }
        Expr::Test(test) => {
            visit(&test.expr)?;
            arguments(&test.args, visit)
        }
        Expr::GetAttr(attribute) => visit(&attribute.expr),
        Expr::GetItem(item) => {
            visit(&item.expr)?;
            visit(&item.subscript_expr)
        }
        Expr::Slice(slice) => {
            visit(&slice.expr)?;
            [&slice.start, &slice.stop, &slice.step].into_iter().flatten().try_for_each(visit)
        }
        Expr::Call(call) => {
            visit(&call.expr)?;
            arguments(&call.args, visit)
        }
        Expr::List(list) => list.items.iter().try_for_each(visit),
        Expr::Tuple(tuple) => tuple.items.iter().try_for_each(visit),
        Expr::Map(map) => map.keys.iter().chain(&map.values).try_for_each(visit),
    }
}
