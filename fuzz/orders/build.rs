//! Sets `kinde_orders` for the sources of this package alone, and not for its dependencies.

fn main() {
    println!("cargo::rustc-cfg=kinde_orders");
}
