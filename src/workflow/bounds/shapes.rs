//! What an expression is, seen from outside: a list, a small number, something made on the way.

use minijinja::machinery::ast::{BinOpKind, Expr};

use super::{Checked, MAX_SLICE, below, fault, path};

/// Loops go over what is there; what they hand on must not be larger than what they were given.
pub(super) fn flat(root: &Expr<'_>) -> Checked {
    match root {
        Expr::Call(call) if matches!(&call.expr, Expr::Var(name) if name.id == "range") => Ok(()),
        Expr::BinOp(both) if matches!(both.op, BinOpKind::Concat | BinOpKind::Add) => {
            Err(fault("nothing can be joined in the head of a loop"))
        }
        Expr::List(list) if list.items.iter().any(is_made) => {
            Err(fault("lists in the head of a loop can't hold lists"))
        }
        Expr::Tuple(list) if list.items.iter().any(is_made) => {
            Err(fault("lists in the head of a loop can't hold lists"))
        }
        Expr::Map(map) if map.values.iter().any(is_made) => {
            Err(fault("lists in the head of a loop can't hold lists"))
        }
        _ => below(root, &mut flat),
    }
}

/// Whether it can give a list that is written in it.
pub(super) fn holds_list(root: &Expr<'_>) -> bool {
    match root {
        Expr::List(_) | Expr::Tuple(_) | Expr::Map(_) => true,
        Expr::Filter(_) | Expr::Test(_) | Expr::Call(_) => false,
        // It ends the walk where a list is found; the fault is never shown.
        _ => below(root, &mut |part| if holds_list(part) { Err(fault("")) } else { Ok(()) }).is_err(),
    }
}

pub(super) fn is_small(root: &Expr<'_>) -> bool {
    matches!(root, Expr::Const(constant) if constant.value.as_usize().is_some_and(|n| n <= MAX_SLICE))
}

fn is_made(root: &Expr<'_>) -> bool {
    path(root).is_none() && !matches!(root, Expr::Const(_))
}
