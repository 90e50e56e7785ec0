use mec_envs::{dnn::zoo, partition::*, processor::named};
use std::time::Instant;
fn main() {
    let d = ["raspberry-pi-4", "phone", "jetson-nano"];
    for n in zoo::names() {
        let g = zoo::load(n).unwrap();
        let t = Instant::now();
        let c = count_cuts(&g);
        let tc = t.elapsed();
        print!("{n:14} layers {} cuts {c:?} ({tc:.1?})", g.len());
        for d in d {
            let t = Instant::now();
            let f = Frontier::new(&g, named(d).unwrap(), &[named("nvidia-t4").unwrap()]);
            print!(" | {d}: {} {} {:.1?}", f.len(), f.is_complete(), t.elapsed());
        }
        let t = Instant::now();
        let s: Vec<_> = ["xeon-6248", "nvidia-t4", "nvidia-a100"].iter().map(|n| named(n).unwrap()).collect();
        let f = Frontier::new(&g, named("phone").unwrap(), &s);
        let t2 = t.elapsed();
        let t = Instant::now();
        let e = Frontier::exact(&g, named("phone").unwrap(), &s[1..2]);
        println!(" exact {} {:.1?}", e.len(), t.elapsed());
        let t = Instant::now() - t2;
        let _ = t;
        println!(" | 3srv: {} {} {:.1?}", f.len(), f.is_complete(), t.elapsed());
    }
}
