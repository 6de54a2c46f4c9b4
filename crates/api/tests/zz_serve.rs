#[path = "pages/browser.rs"]
mod browser;
#[tokio::test]
async fn serve() {
    let site = browser::Site::open().await;
    std::fs::write("/tmp/site-url", &site.url).unwrap();
    loop { tokio::time::sleep(std::time::Duration::from_secs(1)).await;
      if std::path::Path::new("/tmp/site-stop").exists() { return; }
      for m in site.mail().await { std::fs::write("/tmp/site-mail", m).unwrap(); } }
}
