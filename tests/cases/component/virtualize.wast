;; One component stands between another one and what it imports.

;; The inner one asks for a clock and gets a virtual one; what it does not
;; concern goes through unchanged.
(component
  (component $Host
    (core module $m
      (global $t (mut i32) (i32.const 1000))
      (func (export "now") (result i32)
        (global.set $t (i32.add (global.get $t) (i32.const 1)))
        (global.get $t))
      (func (export "log") (param i32) (result i32) (i32.add (local.get 0) (i32.const 7))))
    (core instance $i (instantiate $m))
    (func $now (result u32) (canon lift (core func $i "now")))
    (func $log (param "n" u32) (result u32) (canon lift (core func $i "log")))
    (instance $clock (export "now" (func $now)))
    (export "h:o/clock" (instance $clock))
    (export "log" (func $log)))
  (component $Child
    (import "h:o/clock" (instance $clock (export "now" (func (result u32)))))
    (import "log" (func $log (param "n" u32) (result u32)))
    (core func $now (canon lower (func $clock "now")))
    (core func $log' (canon lower (func $log)))
    (core module $m
      (import "" "now" (func $now (result i32)))
      (import "" "log" (func $log (param i32) (result i32)))
      (func (export "run") (result i32) (call $log (call $now))))
    (core instance $i (instantiate $m (with "" (instance
      (export "now" (func $now)) (export "log" (func $log'))))))
    (func (export "run") (result u32) (canon lift (core func $i "run"))))
  (component $Virtual
    (import "h:o/clock" (instance $clock (export "now" (func (result u32)))))
    (core func $now (canon lower (func $clock "now")))
    (core module $m
      (import "" "now" (func $now (result i32)))
      (func (export "now") (result i32) (i32.sub (call $now) (i32.const 1000))))
    (core instance $i (instantiate $m (with "" (instance (export "now" (func $now))))))
    (func $virtual (result u32) (canon lift (core func $i "now")))
    (instance $out (export "now" (func $virtual)))
    (export "h:o/clock" (instance $out)))
  (instance $host (instantiate $Host))
  (instance $virtual (instantiate $Virtual (with "h:o/clock" (instance $host "h:o/clock"))))
  (instance $child (instantiate $Child
    (with "h:o/clock" (instance $virtual "h:o/clock"))
    (with "log" (func $host "log"))))
  (instance $direct (instantiate $Child
    (with "h:o/clock" (instance $host "h:o/clock"))
    (with "log" (func $host "log"))))
  (export "virtual" (func $child "run"))
  (export "direct" (func $direct "run")))
(assert_return (invoke "virtual") (u32.const 8))
(assert_return (invoke "direct") (u32.const 1009))
(assert_return (invoke "virtual") (u32.const 10))

;; A donut: the outer component imports and exports the same function, and an
;; inner one does the work. The outer one's core code is entered, calls the
;; inner one, which calls back into the outer one while that still runs: a
;; function of a synchronous type may be entered again.
(component
  (component $Donut
    (import "work" (func $work (param "n" u32) (result u32)))
    (core module $Before
      (import "" "work" (func $work (param i32) (result i32)))
      (global $depth (export "level") (mut i32) (i32.const 0))
      (func (export "enter") (param i32) (result i32)
        (local $result i32)
        (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
        (local.set $result (call $work (local.get 0)))
        (global.set $depth (i32.sub (global.get $depth) (i32.const 1)))
        (local.get $result))
      (func (export "depth") (result i32) (global.get $depth)))
    (core func $work' (canon lower (func $work)))
    (core instance $before (instantiate $Before
      (with "" (instance (export "work" (func $work'))))))
    (func $enter (param "n" u32) (result u32) (canon lift (core func $before "enter")))
    (func $depth (result u32) (canon lift (core func $before "depth")))
    (component $Inner
      (import "enter" (func $enter (param "n" u32) (result u32)))
      (import "depth" (func $depth (result u32)))
      (core func $enter' (canon lower (func $enter)))
      (core func $depth' (canon lower (func $depth)))
      (core module $m
        (import "" "enter" (func $enter (param i32) (result i32)))
        (import "" "depth" (func $depth (result i32)))
        (func (export "run") (param i32) (result i32)
          ;; In the outer component, which runs below, and again above.
          (i32.add
            (i32.mul (call $depth) (i32.const 1000))
            (call $enter (local.get 0)))))
      (core instance $i (instantiate $m (with "" (instance
        (export "enter" (func $enter')) (export "depth" (func $depth'))))))
      (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))
    (instance $inner (instantiate $Inner
      (with "enter" (func $enter)) (with "depth" (func $depth))))
    (core func $run (canon lower (func $inner "run")))
    (core module $After
      (import "" "run" (func $run (param i32) (result i32)))
      (import "" "depth" (global $depth (mut i32)))
      (func (export "work") (param i32) (result i32)
        (local $result i32)
        (global.set $depth (i32.add (global.get $depth) (i32.const 1)))
        (local.set $result (call $run (local.get 0)))
        (global.set $depth (i32.sub (global.get $depth) (i32.const 1)))
        (local.get $result)))
    (core instance $after (instantiate $After (with "" (instance
      (export "run" (func $run))
      (export "depth" (global $before "level"))))))
    (func (export "work") (param "n" u32) (result u32) (canon lift (core func $after "work"))))
  (component $Base
    (core module $m
      (func (export "work") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3))))
    (core instance $i (instantiate $m))
    (func (export "work") (param "n" u32) (result u32) (canon lift (core func $i "work"))))
  (instance $base (instantiate $Base))
  (instance $donut (instantiate $Donut (with "work" (func $base "work"))))
  ;; A donut around a donut: to the outside both look alike.
  (instance $second (instantiate $Donut (with "work" (func $donut "work"))))
  (export "once" (func $donut "work"))
  (export "twice" (func $second "work")))
(assert_return (invoke "once" (u32.const 5)) (u32.const 1015))
(assert_return (invoke "twice" (u32.const 5)) (u32.const 2015))
