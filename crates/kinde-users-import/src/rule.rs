//! The rules for fields: what becomes of a field of a file.

use alloc::sync::Arc;
use core::str::FromStr;

use crate::draft::Draft;
use crate::json_value::Node;
use crate::target::{Target, When};
use crate::user::Kind;

/// What a field becomes.
#[derive(Clone)]
pub(crate) enum Rule {
    /// The text becomes this part of the user.
    To(Target),
    /// The field becomes yes or no: yes under the condition.
    Flag(Target, When),
    /// The field has several identities. The flag says whether they are verified.
    Several(Kind, Option<bool>),
    /// The field becomes the property with this key.
    Property(Arc<str>),
    /// The field becomes the feature flag with this key.
    FeatureFlag(Arc<str>),
    /// A function reads the field. The text says what the field becomes.
    Read(&'static str, fn(&mut Draft<'_>, &Arc<str>, &Node<'_>)),
    /// The field is an object, or JSON as text. Each member has a rule, under a path such as
    /// `data.plan`.
    Deep,
    /// The field is a list of objects that have a name and a value under these keys. Each name has
    /// a rule.
    Pairs(&'static str, &'static str),
    /// The text becomes this part of the user, if no other field does.
    Or(Target),
    /// Not taken, for the reason. Nothing is lost if it equals this part of the user.
    Same(Target, &'static str),
    /// Not taken, for the reason.
    NotTaken(&'static str),
    /// Not taken, for the reason. Nothing is lost if it has one of these values.
    NotTakenUnless(&'static [&'static str], &'static str),
    /// Not taken. Nothing is lost, for the reason.
    Idle(&'static str),
    /// The source has no rule for the field.
    Unknown,
    /// Not taken, as the mapping ignores the field.
    Ignored,
}

pub(crate) const UNSET: &str = "no operation of the Users API sets it";
pub(crate) const CONNECTION: &str = "it needs the id of a connection in Kinde";
pub(crate) const ORGANIZATIONS: &str =
    "it needs operations on organizations, which the Users API does not have";
pub(crate) const FACTOR: &str = "no operation sets a second factor; users enroll again";

/// Parses a target of `--map`.
impl FromStr for Rule {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some((kind, key)) = text.split_once(':') {
            return match kind {
                _ if key.is_empty() => Err(()),
                "property" => Ok(Self::Property(key.into())),
                "feature_flag" => Ok(Self::FeatureFlag(key.into())),
                _ => Err(()),
            };
        }
        let name = if text == "id" { "provided_id" } else { text };
        Ok(match Target::named(name).ok_or(())? {
            flag if flag.is_flag() => Self::Flag(flag, When::True),
            target => Self::To(target),
        })
    }
}
