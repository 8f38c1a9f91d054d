//! Stub.
/// overlap
pub fn overlap_at_k<T: PartialEq>(a: &[T], b: &[T], k: usize) -> f64 {
    let (a, b) = (&a[..a.len().min(k)], &b[..b.len().min(k)]);
    let longer = a.len().max(b.len());
    if longer == 0 {
        return 1.0;
    }
    a.iter().filter(|x| b.contains(x)).count() as f64 / longer.min(k) as f64
}
