//! Names from many places, and addresses that never reach anybody.

use super::Plan;
use super::dice::Dice;

/// Given names, family names, the language they are mailed in.
const CULTURES: &[(&[&str], &[&str], &[&str])] = &[
    (
        &["Anna", "Lukas", "Mia", "Jonas", "Lena", "Felix"],
        &["Huber", "Schmidt", "Wagner", "Bauer", "Keller"],
        &["de", "de-AT", "de-CH"],
    ),
    (
        &["Olivia", "George", "Amelia", "Harry", "Isla", "Noah"],
        &["Smith", "Taylor", "Evans", "Walker", "Hughes"],
        &["en", "en-GB"],
    ),
    (
        &["Emma", "Liam", "Ava", "Mason", "Harper", "Ethan"],
        &["Johnson", "Miller", "Davis", "Anderson", "Carter"],
        &["en-US"],
    ),
    (
        &["Camille", "Louis", "Chloé", "Gabriel", "Zoé", "Hugo"],
        &["Martin", "Bernard", "Dubois", "Lefèvre", "Moreau"],
        &["fr", "fr-BE"],
    ),
    (
        &["Giulia", "Lorenzo", "Sofia", "Matteo", "Chiara"],
        &["Rossi", "Russo", "Ferrari", "Esposito", "Bianchi"],
        &["it"],
    ),
    (
        &["Lucía", "Mateo", "Valentina", "Santiago", "Camila"],
        &["García", "Rodríguez", "Fernández", "López", "Muñoz"],
        &["es", "es-MX"],
    ),
    (
        &["Beatriz", "João", "Larissa", "Tiago", "Inês"],
        &["Silva", "Santos", "Oliveira", "Pereira", "Conceição"],
        &["pt", "pt-BR"],
    ),
    (
        &["Zofia", "Jakub", "Maja", "Szymon", "Łucja"],
        &["Nowak", "Kowalska", "Wiśniewski", "Zieliński", "Wójcik"],
        &["pl"],
    ),
    (
        &["Freja", "Oskar", "Astrid", "Elias", "Søren"],
        &["Hansen", "Larsen", "Lindqvist", "Berg", "Ødegård"],
        &["da", "nb", "sv"],
    ),
    (&["Amara", "Chidi", "Ngozi", "Emeka", "Ifeoma"], &["Okafor", "Eze", "Nwosu", "Obi", "Adeyemi"], &["en"]),
    (
        &["Wanjiru", "Kamau", "Achieng", "Otieno"],
        &["Mwangi", "Njoroge", "Odhiambo", "Kiprono"],
        &["sw", "en"],
    ),
    (
        &["Fatima", "Omar", "Layla", "Yusuf", "Amina"],
        &["Haddad", "Mansour", "Khalil", "Aziz", "Rahman"],
        &["ar", "en"],
    ),
    (
        &["Priya", "Arjun", "Ananya", "Rohan", "Kavya"],
        &["Sharma", "Patel", "Iyer", "Reddy", "Banerjee"],
        &["en-IN", "hi"],
    ),
    (&["Wei", "Jing", "Ming", "Xiu", "Hao"], &["Chen", "Wang", "Zhang", "Liu", "Lin"], &["zh", "en"]),
    (
        &["Yuki", "Haruto", "Sakura", "Ren", "Aoi"],
        &["Tanaka", "Sato", "Suzuki", "Watanabe", "Yamamoto"],
        &["ja"],
    ),
    (&["Minji", "Jiho", "Seoyeon", "Dohyun"], &["Kim", "Lee", "Park", "Choi", "Jung"], &["ko"]),
    (&["Linh", "Minh", "Thảo", "Đức"], &["Nguyễn", "Trần", "Phạm", "Lê"], &["vi"]),
    (&["Elif", "Emre", "Zeynep", "Mehmet"], &["Yılmaz", "Demir", "Şahin", "Çelik"], &["tr"]),
    (&["Oksana", "Taras", "Daryna", "Bohdan"], &["Shevchenko", "Kovalenko", "Bondarenko", "Melnyk"], &["uk"]),
    (&["Mere", "Tane", "Aroha", "Wiremu"], &["Ngata", "Parata", "Tawhiri", "O'Brien"], &["en-NZ"]),
];

/// Reserved for examples (RFC 2606): nobody is ever mailed by accident.
const DOMAINS: &[&str] = &["example.com", "example.org", "example.net"];

/// Somebody.
#[derive(Debug, Clone)]
pub struct Person {
    /// Given and family name.
    pub name: String,
    /// Beside a review: Ada L.
    pub short_name: String,
    /// Theirs alone, in every seed.
    pub email: String,
    /// Language and region.
    pub locale: &'static str,
}

/// Makes somebody up; `number` tells those of one seed apart.
pub fn person(plan: &Plan, dice: &mut Dice, number: u64) -> Person {
    let (given, family, locales) = dice.one(CULTURES);
    let (given, family) = (dice.one(given), dice.one(family));
    let initial = family.chars().next().unwrap_or('X');
    Person {
        name: format!("{given} {family}"),
        short_name: format!("{given} {initial}."),
        email: format!(
            "{}.{}.{number}{}@{}",
            plain(given),
            plain(family),
            plan.suffix(),
            DOMAINS[usize::try_from(number % 3).unwrap_or(0)]
        ),
        locale: dice.one(locales),
    }
}

/// What of a name may stand in an address.
fn plain(name: &str) -> String {
    name.chars()
        .filter_map(|letter| match letter {
            'é' | 'è' => Some('e'),
            'í' => Some('i'),
            'ó' | 'ø' => Some('o'),
            'Ø' => Some('o'),
            'ñ' => Some('n'),
            'ã' | 'å' | 'ả' | 'ầ' | 'ạ' => Some('a'),
            'ç' => Some('c'),
            'Ç' => Some('c'),
            'ł' | 'Ł' => Some('l'),
            'ś' | 'Ş' => Some('s'),
            'ú' | 'ư' => Some('u'),
            'ı' => Some('i'),
            'ń' | 'ễ' | 'ê' | 'Đ' => Some(match letter {
                'ń' => 'n',
                'Đ' => 'd',
                _ => 'e',
            }),
            _ if letter.is_ascii_alphabetic() => Some(letter.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::dice::Of;
    use super::*;

    #[test]
    fn addresses_are_plain_and_reach_nobody() {
        let plan = Plan::for_tests();
        for number in 0..2_000 {
            let somebody = person(&plan, &mut Dice::of(1, Of::Customer, number), number);
            assert!(somebody.email.is_ascii() && somebody.email.contains("@example."), "{}", somebody.email);
            assert!(somebody.email.parse::<lettre::Address>().is_ok(), "{}", somebody.email);
        }
    }
}
