//! What one source says of the flags: some of them, as text or as values.

use std::collections::BTreeMap;

use super::{Flag, Flags, Percent, ReadBackend, Refusal, WriteMode};

/// The flags that one source sets; the others are left to whatever it is laid over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlagSet {
    /// `search_write_mode`
    pub write_mode: Option<WriteMode>,
    /// `search_read_backend`
    pub read_backend: Option<ReadBackend>,
    /// `search_read_pg_percent`
    pub read_pg_percent: Option<Percent>,
    /// `shadow_sample_rate`
    pub shadow_sample_rate: Option<Percent>,
}

impl FlagSet {
    /// Reads names and texts. One that is wrong refuses the whole set.
    pub fn parse<N: AsRef<str>, T: AsRef<str>>(texts: impl IntoIterator<Item = (N, T)>) -> Result<Self, Refusal> {
        let mut set = Self::default();
        for (name, text) in texts {
            set.set(name.as_ref().parse()?, text.as_ref())?;
        }
        Ok(set)
    }

    /// Sets one flag from its text, which must be spelled exactly: no white space, no capitals.
    pub fn set(&mut self, flag: Flag, text: &str) -> Result<(), Refusal> {
        let refuse = || Refusal::bad_value(flag, text);
        let share = || text.parse().ok().filter(|_| text == text.trim()).ok_or_else(refuse);
        match flag {
            Flag::WriteMode => self.write_mode = Some(WriteMode::from_text(text).ok_or_else(refuse)?),
            Flag::ReadBackend => self.read_backend = Some(ReadBackend::from_text(text).ok_or_else(refuse)?),
            Flag::ReadPgPercent => self.read_pg_percent = Some(share()?),
            Flag::ShadowSampleRate => self.shadow_sample_rate = Some(share()?),
        }
        Ok(())
    }

    /// All flags, as they are set here or else in `base`.
    pub fn over(self, base: Flags) -> Flags {
        Flags {
            write_mode: self.write_mode.unwrap_or(base.write_mode),
            read_backend: self.read_backend.unwrap_or(base.read_backend),
            read_pg_percent: self.read_pg_percent.unwrap_or(base.read_pg_percent),
            shadow_sample_rate: self.shadow_sample_rate.unwrap_or(base.shadow_sample_rate),
        }
    }
}

impl Flags {
    /// Names and texts, as tables, files and commands hold them.
    pub fn to_texts(self) -> BTreeMap<&'static str, String> {
        Flag::ALL.into_iter().map(|flag| (flag.name(), self.text(flag))).collect()
    }

    /// The text of one flag.
    pub fn text(self, flag: Flag) -> String {
        match flag {
            Flag::WriteMode => self.write_mode.as_str().to_owned(),
            Flag::ReadBackend => self.read_backend.as_str().to_owned(),
            Flag::ReadPgPercent => self.read_pg_percent.to_string(),
            Flag::ShadowSampleRate => self.shadow_sample_rate.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Rule;

    fn refused(name: &str, text: &str) -> Rule {
        FlagSet::parse([("search_write_mode", "dual"), (name, text)]).unwrap_err().rule()
    }

    #[test]
    fn one_wrong_flag_refuses_the_set() {
        assert_eq!(refused("search_mode", "dual"), Rule::UnknownFlag);
        assert_eq!(refused("shadow_sample_rate", "100.1"), Rule::BadValue);
        assert_eq!(refused("shadow_sample_rate", " 5"), Rule::BadValue);
        assert_eq!(refused("search_read_backend", "PG"), Rule::BadValue);
    }

    #[test]
    fn what_is_not_set_comes_from_below() {
        let set = FlagSet::parse([("search_write_mode", "dual"), ("shadow_sample_rate", "2.5")]).unwrap();
        let texts = set.over(Flags::default()).to_texts();
        let expected = [
            ("search_read_backend", "meili"),
            ("search_read_pg_percent", "100"),
            ("search_write_mode", "dual"),
            ("shadow_sample_rate", "2.5"),
        ];
        assert!(texts.iter().map(|(name, text)| (*name, text.as_str())).eq(expected));
    }
}
