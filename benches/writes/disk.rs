//! What the disk takes, and the least that a durable record of every write can cost.

use std::{fs::File, io::Write as _, path::Path, sync::mpsc, thread, time::Instant};

use tokio::sync::oneshot;

/// Appends to a file and waits for the disk, for all who have come together meanwhile at once.
#[derive(Clone)]
pub struct GroupCommit {
    queue: mpsc::Sender<(Vec<u8>, oneshot::Sender<()>)>,
}

impl GroupCommit {
    pub fn open(path: &Path) -> Self {
        let mut file = File::create(path).unwrap();
        let (queue, asked) = mpsc::channel::<(Vec<u8>, oneshot::Sender<()>)>();
        // Ends when nobody can ask any more.
        thread::spawn(move || {
            while let Ok(first) = asked.recv() {
                let (mut bytes, mut waiting) = (first.0, vec![first.1]);
                for (more, waits) in asked.try_iter() {
                    bytes.extend(more);
                    waiting.push(waits);
                }
                file.write_all(&bytes).unwrap();
                file.sync_data().unwrap();
                for waits in waiting {
                    // Whoever asked may have gone.
                    let _ = waits.send(());
                }
            }
        });
        Self { queue }
    }

    /// Returns when these bytes are on the disk.
    pub async fn commit(&self, bytes: Vec<u8>) {
        let (done, synced) = oneshot::channel();
        self.queue.send((bytes, done)).unwrap();
        synced.await.unwrap();
    }
}

/// Milliseconds of one write and fsync of so many bytes.
pub fn fsync_millis(folder: &Path, bytes: usize) -> f64 {
    let mut file = File::create(folder.join("fsync")).unwrap();
    let bytes = vec![1; bytes];
    let begun = Instant::now();
    for _ in 0..50 {
        file.write_all(&bytes).unwrap();
        file.sync_data().unwrap();
    }
    begun.elapsed().as_secs_f64() * 1e3 / 50.0
}
