//! The API is as it describes itself, tried by somebody else's tool with thousands of requests, good and bad ones
//! (schemathesis; `scripts/schemathesis` gets it).

use std::path::Path;
use std::process::Command;

use super::Api;

/// Without it the test is skipped, which `make test` says, and in CI refuses.
fn schemathesis() -> Option<String> {
    let said =
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/schemathesis")).output().ok()?;
    if said.status.success() {
        return Some(String::from_utf8_lossy(&said.stdout).trim().to_owned());
    }
    assert!(std::env::var_os("TEST_REQUIRE_NEWER").is_none(), "{}", String::from_utf8_lossy(&said.stderr));
    println!("SKIPPED: no schemathesis to try the API with");
    None
}

#[tokio::test]
async fn nothing_breaks_it_and_every_answer_is_one_that_it_describes() {
    let Some(tool) = tokio::task::spawn_blocking(schemathesis).await.expect("asked") else {
        return;
    };
    let api =
        Api::open_with(&[("THENDO_SECRETS__KEY", crate::secrets::KEY), ("THENDO_POOL_MAX", "10")]).await;
    let (http, key) = (api.daemon.http.clone(), api.key.clone());
    let folder = api.shop.folder.path().to_owned();
    let tried = move || {
        Command::new(tool)
            .current_dir(folder)
            .args([
                "run",
                &format!("{http}/api/v1/openapi.json"),
                "-H",
                &format!("Authorization: Bearer {key}"),
            ])
            // What goes on and on is not waited for; and who signs out is out.
            .args(["--exclude-path", "/api/v1/live"])
            .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance"])
            .args(["--checks", "response_headers_conformance,response_schema_conformance,unsupported_method"])
            .args([
                "--phases",
                "examples,coverage,fuzzing",
                "--max-examples",
                "20",
                "--seed",
                "9",
                "--no-shrink",
            ])
            .args([
                "--suppress-health-check",
                "all",
                "--continue-on-failure",
                "--no-color",
                "--warnings",
                "off",
            ])
            .output()
            .expect("it runs")
    };
    let said = tokio::task::spawn_blocking(tried).await.expect("no panic");
    let out = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{out}\n{}", String::from_utf8_lossy(&said.stderr));
    let cases = out.lines().find(|line| line.contains("generated")).expect("how many cases").trim();
    println!("{cases}");
    let count: String = cases.chars().take_while(char::is_ascii_digit).collect();
    assert!(count.parse::<u32>().is_ok_and(|count| count > 1000), "{out}");
}
