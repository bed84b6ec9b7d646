//! Operators: react-querybuilder's and ours, and which types they suit.

use crate::workflow::subjects::FieldType;

macro_rules! operators {
    ($($variant:ident = $name:literal : $doc:literal),+ $(,)?) => {
        /// What a rule asks of its field.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Operator {
            $(#[doc = $doc] $variant,)+
        }

        impl Operator {
            /// Every operator.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As drawings spell it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

operators! {
    Equal = "=": "Equal.",
    NotEqual = "!=": "Present and not equal.",
    Less = "<": "Less, earlier, before in the alphabet.",
    Greater = ">": "Greater, later, behind in the alphabet.",
    AtMost = "<=": "Less or equal.",
    AtLeast = ">=": "Greater or equal.",
    Contains = "contains": "A text holds another, a list an element.",
    BeginsWith = "beginsWith": "A text begins with another.",
    EndsWith = "endsWith": "A text ends with another.",
    DoesNotContain = "doesNotContain": "Present and does not contain.",
    DoesNotBeginWith = "doesNotBeginWith": "Present and does not begin with.",
    DoesNotEndWith = "doesNotEndWith": "Present and does not end with.",
    Null = "null": "There is no value.",
    NotNull = "notNull": "There is a value.",
    In = "in": "One of a list.",
    NotIn = "notIn": "Present and none of a list.",
    Between = "between": "Between two values, both included.",
    NotBetween = "notBetween": "Present and not between two values.",
    Matches = "matches": "A regular expression is found in the text.",
    IsEmpty = "isEmpty": "No value, an empty text, list or object.",
    Within = "within": "A time at most a span before or after now.",
    Changed = "changed": "The event changed the field.",
    ChangedFrom = "changedFrom": "The event changed the field from this value.",
    ChangedTo = "changedTo": "The event changed the field to this value.",
}

/// How many values an operator takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// None: what is written is ignored.
    None,
    /// One.
    One,
    /// A list.
    Many,
    /// Exactly two.
    Two,
    /// A pattern.
    Pattern,
    /// A span of time.
    Span,
}

impl Operator {
    /// The operator of that name; `==` is accepted, and case does not count.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = if name == "==" { "=" } else { name };
        Self::ALL.iter().copied().find(|operator| operator.as_str().eq_ignore_ascii_case(name))
    }

    /// How many values it takes.
    pub fn arity(self) -> Arity {
        use Operator::{Between, Changed, In, IsEmpty, Matches, NotBetween, NotIn, NotNull, Null, Within};
        match self {
            Null | NotNull | IsEmpty | Changed => Arity::None,
            In | NotIn => Arity::Many,
            Between | NotBetween => Arity::Two,
            Matches => Arity::Pattern,
            Within => Arity::Span,
            _ => Arity::One,
        }
    }

    /// Whether it asks what the event changed.
    pub fn looks_back(self) -> bool {
        matches!(self, Self::Changed | Self::ChangedFrom | Self::ChangedTo)
    }

    /// Whether it makes sense for fields of that type.
    pub fn suits(self, ty: FieldType) -> bool {
        use FieldType::{Boolean, Id, Json, List, Text, Time};
        use Operator::{
            BeginsWith, Changed, ChangedFrom, ChangedTo, Contains, DoesNotBeginWith, DoesNotContain,
            DoesNotEndWith, EndsWith, Equal, In, IsEmpty, Matches, NotEqual, NotIn, NotNull, Null, Within,
        };
        match self {
            Null | NotNull | IsEmpty | Changed => true,
            ChangedFrom | ChangedTo => ty != List,
            Equal | NotEqual => ty != List,
            Contains | DoesNotContain => matches!(ty, Text | List | Json | Id),
            BeginsWith | EndsWith | DoesNotBeginWith | DoesNotEndWith | Matches => {
                matches!(ty, Text | Json | Id)
            }
            In | NotIn => !matches!(ty, Boolean | List),
            Within => matches!(ty, Time | Json),
            _ => !matches!(ty, Boolean | List | Id),
        }
    }

    /// The operators that make sense for a type, for the help of a diagnostic.
    pub fn suiting(ty: FieldType) -> String {
        let names: Vec<&str> = Self::ALL.iter().filter(|o| o.suits(ty)).map(|o| o.as_str()).collect();
        names.join(", ")
    }
}
