//! What a source reads of the context: every path, through dots and through subscripts alike.

use std::ops::Range;

use minijinja::machinery::Span;
use minijinja::machinery::ast::{BinOpKind, CallArg, Expr, Stmt};
use minijinja::value::ValueKind;

use super::bounds::{below, names};
use super::secrets;

/// Functions that expressions may call, beside filters.
const FUNCTIONS: &[&str] = &["range", "dict", "loop", "self", "super"];

/// One place that reads something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// What is read: `order`, `total`.
    pub path: Vec<String>,
    /// Where in the source, in bytes.
    pub range: Range<usize>,
    /// It is read whenever the source is evaluated, and it must be there: no `if` and no `default` is around it.
    pub certain: bool,
    /// The filter that takes it first.
    pub filter: Option<String>,
    /// The constant that it alone is compared with.
    pub compared: Option<Constant>,
}

/// What a constant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constant {
    /// A text.
    Text,
    /// A number.
    Number,
}

impl Read {
    /// The path as people write it: `steps["node-1"].balance`.
    pub fn shown(&self) -> String {
        shown(&self.path)
    }
}

/// A path as people write it.
pub fn shown<S: AsRef<str>>(path: &[S]) -> String {
    let mut out = String::new();
    for (at, part) in path.iter().map(AsRef::as_ref).enumerate() {
        match part {
            part if at == 0 => out.push_str(part),
            part if is_name(part) => out.extend([".", part]),
            part if part.parse::<u32>().is_ok() => out.extend(["[", part, "]"]),
            part => out.extend(["[\"", part, "\"]"]),
        }
    }
    out
}

fn is_name(part: &str) -> bool {
    part.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && part.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// What a template reads, in the order of its text.
pub(super) fn of_template(root: &Stmt<'_>) -> Vec<Read> {
    let mut collect = Collect { certain: true, ..Collect::default() };
    collect.statement(root);
    collect.found
}

/// What an expression reads, in the order of its text.
pub(super) fn of_expression(root: &Expr<'_>) -> Vec<Read> {
    let mut collect = Collect { certain: true, ..Collect::default() };
    collect.expression(root, None);
    collect.found
}

/// The path that an expression is, if it is nothing else.
pub(super) fn path(root: &Expr<'_>) -> Option<Vec<String>> {
    let (of, part) = match root {
        Expr::Var(name) => return Some(vec![name.id.to_owned()]),
        Expr::GetAttr(attribute) => (&attribute.expr, attribute.name.to_owned()),
        Expr::GetItem(item) => (&item.expr, constant(&item.subscript_expr)?),
        _ => return None,
    };
    let mut path = path(of)?;
    path.push(part);
    Some(path)
}

/// A constant text or number that names a field, an item or a node.
fn constant(root: &Expr<'_>) -> Option<String> {
    let Expr::Const(constant) = root else { return None };
    let value = &constant.value;
    value.as_str().map(str::to_owned).or_else(|| value.as_usize().map(|number| number.to_string()))
}

fn kind(root: &Expr<'_>) -> Option<Constant> {
    let Expr::Const(constant) = root else { return None };
    match constant.value.kind() {
        ValueKind::String => Some(Constant::Text),
        ValueKind::Number => Some(Constant::Number),
        _ => None,
    }
}

#[derive(Default)]
struct Collect {
    found: Vec<Read>,
    /// What the loops around name: not of the context.
    targets: Vec<String>,
    certain: bool,
}

impl Collect {
    fn statements(&mut self, all: &[Stmt<'_>]) {
        all.iter().for_each(|one| self.statement(one));
    }

    fn maybe(&mut self, visit: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.certain, false);
        visit(self);
        self.certain = before;
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(template) => self.statements(&template.children),
            Stmt::EmitExpr(emit) => self.expression(&emit.expr, None),
            Stmt::IfCond(choice) => {
                self.expression(&choice.expr, None);
                self.maybe(|this| {
                    this.statements(&choice.true_body);
                    this.statements(&choice.false_body);
                });
            }
            Stmt::ForLoop(repeat) => {
                self.expression(&repeat.iter, None);
                let around = self.targets.len();
                let mut own = std::collections::HashSet::new();
                names(&repeat.target, &mut own);
                self.targets.extend(own);
                self.maybe(|this| {
                    repeat.filter_expr.iter().for_each(|filter| this.expression(filter, None));
                    this.statements(&repeat.body);
                    this.targets.truncate(around);
                    this.statements(&repeat.else_body);
                });
            }
            // The rest is refused, or reads nothing.
            _ => {}
        }
    }

    fn expression(&mut self, root: &Expr<'_>, filter: Option<&str>) {
        if let Some(path) = path(root) {
            return self.read(path, root.span(), filter);
        }
        match root {
            Expr::BinOp(both) if matches!(both.op, BinOpKind::ScAnd | BinOpKind::ScOr) => {
                self.expression(&both.left, None);
                self.maybe(|this| this.expression(&both.right, None));
            }
            Expr::IfExpr(choice) => {
                self.expression(&choice.test_expr, None);
                self.maybe(|this| {
                    this.expression(&choice.true_expr, None);
                    choice.false_expr.iter().for_each(|other| this.expression(other, None));
                });
            }
            Expr::BinOp(both)
                if matches!(
                    both.op,
                    BinOpKind::Eq
                        | BinOpKind::Ne
                        | BinOpKind::Lt
                        | BinOpKind::Lte
                        | BinOpKind::Gt
                        | BinOpKind::Gte
                ) =>
            {
                for (side, against) in [(&both.left, &both.right), (&both.right, &both.left)] {
                    let before = self.found.len();
                    self.expression(side, None);
                    if path(side).is_some()
                        && let Some(read) = self.found.get_mut(before)
                    {
                        read.compared = kind(against);
                    }
                }
            }
            // It is the compiler's business, and reads nothing of the context.
            root if secrets::is_call(root) => {}
            Expr::Filter(called) => {
                self.attributes(called.expr.as_ref(), &called.args);
                let receiver =
                    |this: &mut Self| called.expr.iter().for_each(|e| this.expression(e, Some(called.name)));
                match called.name {
                    "default" | "d" => self.maybe(receiver),
                    _ => receiver(self),
                }
                self.arguments(&called.args);
            }
            Expr::Test(test) => {
                self.maybe(|this| this.expression(&test.expr, None));
                self.arguments(&test.args);
            }
            _ => {
                let _done = below(root, &mut |part| {
                    self.expression(part, None);
                    Ok(())
                });
            }
        }
    }

    fn arguments(&mut self, all: &[CallArg<'_>]) {
        for argument in all {
            match argument {
                CallArg::Pos(part)
                | CallArg::Kwarg(_, part)
                | CallArg::PosSplat(part)
                | CallArg::KwargSplat(part) => self.expression(part, None),
            }
        }
    }

    /// `[order]|map(attribute="total")` reads `order.total`.
    fn attributes(&mut self, of: Option<&Expr<'_>>, arguments: &[CallArg<'_>]) {
        let items = match of {
            Some(Expr::List(list)) => &list.items,
            Some(Expr::Tuple(tuple)) => &tuple.items,
            _ => return,
        };
        let named = arguments.iter().find_map(|argument| match argument {
            CallArg::Kwarg("attribute", Expr::Const(name)) => name.value.as_str(),
            _ => None,
        });
        let Some(named) = named else { return };
        for item in items {
            if let Some(mut path) = path(item) {
                path.extend(named.split('.').map(str::to_owned));
                self.read(path, item.span(), None);
            }
        }
    }

    fn read(&mut self, path: Vec<String>, span: Span, filter: Option<&str>) {
        let Some(root) = path.first() else { return };
        if FUNCTIONS.contains(&root.as_str()) || self.targets.contains(root) {
            return;
        }
        let range = span.start_offset as usize..span.end_offset as usize;
        self.found.push(Read {
            path,
            range,
            certain: self.certain,
            filter: filter.map(str::to_owned),
            compared: None,
        });
    }
}
