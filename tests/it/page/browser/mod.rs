//! A real browser: Chromium without a window, driven through its DevTools protocol.

mod binary;
mod pipe;

use std::{collections::BTreeSet, path::Path, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;

use pipe::Pipe;

/// A browser with one page.
pub(super) struct Browser {
    pipe: Pipe,
    session: String,
    _profile: TempDir,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) width: u32,
    pub(super) dark: bool,
    pub(super) print: bool,
}

/// What a browser has to say of a page.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Errors and warnings of the console, and what the policy blocked.
    pub(super) complaints: Vec<String>,
    /// What was asked for beside the page itself.
    pub(super) requests: Vec<String>,
    /// Elements that are wider than they may be.
    pub(super) overflows: Vec<String>,
    /// The colour of the page and of its letters.
    pub(super) colours: (String, String),
    /// Plots that can be seen, and elements in all.
    pub(super) plots: u64,
    pub(super) elements: u64,
}

/// What is cut off or makes the page scroll sideways. What scrolls in a box of its own may be as wide as it likes, if the box
/// is not.
const MEASURE: &str = r#"(() => {
    const found = [];
    const root = document.documentElement;
    const name = e => e.tagName + '.' + (e.getAttribute('class') || '') + ' ' + (e.textContent || '').trim().slice(0, 40);
    if (root.scrollWidth > root.clientWidth) found.push('the page: ' + root.scrollWidth + ' in ' + root.clientWidth);
    for (const e of document.body.querySelectorAll('*')) {
        const box = e.getBoundingClientRect();
        if (box.width === 0) continue;
        const inBox = e.parentElement.closest('.scroll');
        if (!inBox && (box.right > root.clientWidth + 0.5 || box.left < -0.5)) found.push('beyond the edge: ' + name(e));
        const style = getComputedStyle(e);
        if (e.closest('svg')) {
            if (e.tagName === 'text') {
                const svg = e.closest('svg').getBoundingClientRect();
                if (box.right > svg.right + 0.5 || box.left < svg.left - 0.5 || box.top < svg.top - 1 || box.bottom > svg.bottom + 1)
                    found.push('text cut off by its plot: ' + name(e));
            }
            continue;
        }
        const scrolls = style.overflowX === 'auto' || style.overflowX === 'scroll';
        if (!scrolls && style.display !== 'inline' && e.scrollWidth > e.clientWidth + 1) found.push('text cut off: ' + name(e));
    }
    const seen = [...document.querySelectorAll('svg.plot')].filter(e => e.getBoundingClientRect().width > 0).length;
    const body = getComputedStyle(document.body);
    return { found, plots: seen, elements: document.querySelectorAll('*').length, colours: [body.backgroundColor, body.color] };
})()"#;

impl Browser {
    /// Starts one; `None`, and a loud word about it, where there is none and none can be installed.
    pub(super) async fn start() -> Option<Self> {
        let binary = match binary::find_or_install().await {
            Ok(binary) => binary,
            Err(why) => {
                eprintln!("\n!!! NOT TESTED: there is no browser to look at the page with: {why}\n");
                return None;
            }
        };
        let profile = tempfile::tempdir().unwrap();
        let mut pipe = Pipe::start(&binary, profile.path());
        let target = pipe.call(None, "Target.createTarget", json!({ "url": "about:blank" })).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = pipe.call(None, "Target.attachToTarget", attach).await["sessionId"].as_str().unwrap().to_owned();
        let mut browser = Self { pipe, session, _profile: profile };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({})).await;
        }
        Some(browser)
    }

    /// Opens a page and looks at it.
    pub(super) async fn look(&mut self, file: &Path, view: View) -> Seen {
        let View { width, dark, print } = view;
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({ "media": if print { "print" } else { "" }, "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", media).await;
        self.pipe.events.clear();
        let url = format!("file://{}", file.display());
        self.call("Page.navigate", json!({ "url": url })).await;
        self.pipe.until("Page.loadEventFired").await;
        // Opened, so that what they hold is measured too.
        self.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)").await;
        let measured = self.evaluate(MEASURE).await;

        let mut seen = Seen {
            overflows: texts(&measured["found"]),
            colours: (text(&measured["colours"][0]), text(&measured["colours"][1])),
            plots: measured["plots"].as_u64().unwrap(),
            elements: measured["elements"].as_u64().unwrap(),
            ..Seen::default()
        };
        let mut requests = BTreeSet::new();
        for event in &self.pipe.events {
            let params = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Log.entryAdded" => seen.complaints.push(params["entry"]["text"].to_string()),
                "Runtime.exceptionThrown" => seen.complaints.push(params["exceptionDetails"].to_string()),
                "Runtime.consoleAPICalled" if params["type"] != "log" => {
                    seen.complaints.push(params["args"].to_string())
                }
                "Network.requestWillBeSent" => {
                    requests.insert(text(&params["request"]["url"]));
                }
                _ => {}
            }
        }
        requests.remove(&url);
        seen.requests = requests.into_iter().collect();
        seen
    }

    /// A picture of the whole page, as PNG.
    pub(super) async fn picture(&mut self) -> Vec<u8> {
        let size = self.call("Page.getLayoutMetrics", json!({})).await["cssContentSize"].clone();
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let shot = json!({ "captureBeyondViewport": true, "clip": clip });
        let data = text(&self.call("Page.captureScreenshot", shot).await["data"]);
        from_base64(&data)
    }

    async fn evaluate(&mut self, script: &str) -> Value {
        let asked = json!({ "expression": script, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", asked).await;
        assert!(answer.get("exceptionDetails").is_none(), "{answer}");
        answer["result"]["value"].clone()
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        let session = self.session.clone();
        let call = self.pipe.call(Some(&session), method, params);
        tokio::time::timeout(Duration::from_secs(60), call).await.unwrap_or_else(|_| panic!("{method}: no answer"))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}

fn from_base64(text: &str) -> Vec<u8> {
    let digit = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let letters: Vec<u8> = text.bytes().filter(|letter| *letter != b'=').map(digit).collect();
    let whole = |four: &[u8]| {
        let bits = four.iter().fold(0_u32, |bits, six| bits << 6 | u32::from(*six)) << (6 * (4 - four.len()));
        bits.to_be_bytes()[1..four.len()].to_vec()
    };
    letters.chunks(4).flat_map(whole).collect()
}
