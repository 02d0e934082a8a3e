//! Files of other people's that tests need and that are not kept here: fetched once, by address and digest, into
//! `target/tmp/packages`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// One file.
pub struct Fetched {
    /// Its name in the cache.
    pub name: &'static str,
    pub url: &'static str,
    pub sha256: &'static str,
}

impl Fetched {
    /// The file in the cache of this checkout, fetched where it is not there.
    pub fn cached(&self) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join(self.name);
        if std::fs::read(&file).is_ok_and(|bytes| self.is(&bytes)) {
            return file;
        }
        let bytes = self.fetch(&file);
        assert!(
            self.is(&bytes),
            "{} came with SHA-256 {}, not {}: something between here and there changes files\n\
             next: put the right file at {}",
            self.url,
            hex(&bytes),
            self.sha256,
            file.display()
        );
        // Whole or not at all: another test run may read meanwhile.
        let mut whole = tempfile::NamedTempFile::new_in(&folder).expect("a file");
        std::io::Write::write_all(&mut whole, &bytes).expect("room for a package");
        whole.persist(&file).expect("a rename in one folder");
        file
    }

    fn fetch(&self, file: &Path) -> Vec<u8> {
        // As on this machine, SSL_CERT_FILE and SSL_CERT_DIR included: a proxy may have an authority of its own.
        let trusted = rustls_native_certs::load_native_certs().certs;
        let trusted =
            trusted.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
        let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(trusted))).build();
        let config =
            ureq::Agent::config_builder().tls_config(tls).timeout_global(Some(Duration::from_secs(120)));
        let agent = config.build().new_agent();
        let once = || agent.get(self.url).call().and_then(|mut answer| answer.body_mut().read_to_vec());
        // Thrice: a connection that breaks says nothing about what is tested here.
        let mut tries = (0..3).map(|nth| {
            std::thread::sleep(Duration::from_secs(2 * nth));
            once()
        });
        tries.find(Result::is_ok).unwrap_or_else(once).unwrap_or_else(|error| {
            panic!(
                "could not fetch {}: {error}\n\
                 next: let this machine reach it (HTTPS_PROXY is used; SSL_CERT_FILE names the certificates of a \
                 proxy with its own authority), or put the file at {}",
                self.url,
                file.display()
            )
        })
    }

    fn is(&self, bytes: &[u8]) -> bool {
        hex(bytes) == self.sha256
    }
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
