;; A trap locks every component instance whose code was running, and no other.
;; What is asked of a locked one says which trap came first, and where.
(component
  (component $Bad
    (core module $M
      (global $calls (mut i32) (i32.const 0))
      (func $explode (unreachable))
      (func (export "bad") (call $explode))
      (func (export "good") (result i32) (i32.const 1)))
    (core instance $m (instantiate $M))
    (func (export "bad") (canon lift (core func $m "bad")))
    (func (export "good") (result u32) (canon lift (core func $m "good"))))
  (component $Caller
    (import "bad" (func $bad))
    (import "good" (func $good (result u32)))
    (core func $bad' (canon lower (func $bad)))
    (core func $good' (canon lower (func $good)))
    (core module $M
      (import "" "bad" (func $bad))
      (import "" "good" (func $good (result i32)))
      (func (export "call-bad") (call $bad))
      (func (export "call-good") (result i32) (call $good))
      (func (export "alone") (result i32) (i32.const 2)))
    (core instance $m (instantiate $M (with "" (instance
      (export "bad" (func $bad')) (export "good" (func $good'))))))
    (func (export "call-bad") (canon lift (core func $m "call-bad")))
    (func (export "call-good") (result u32) (canon lift (core func $m "call-good")))
    (func (export "alone") (result u32) (canon lift (core func $m "alone"))))
  (instance $bad (instantiate $Bad))
  (instance $a (instantiate $Caller
    (with "bad" (func $bad "bad")) (with "good" (func $bad "good"))))
  (instance $b (instantiate $Caller
    (with "bad" (func $bad "bad")) (with "good" (func $bad "good"))))
  (export "good" (func $bad "good"))
  (export "a-bad" (func $a "call-bad"))
  (export "a-good" (func $a "call-good"))
  (export "a-alone" (func $a "alone"))
  (export "b-good" (func $b "call-good"))
  (export "b-alone" (func $b "alone")))

(assert_return (invoke "a-good") (u32.const 1))
(assert_trap (invoke "a-bad") "unreachable")
;; Both that ran are locked, for calls of the host and of others.
(assert_trap (invoke "good")
  "cannot enter component instance: it trapped before: unreachable in `explode`")
(assert_trap (invoke "a-alone")
  "cannot enter component instance: it trapped before: unreachable in `explode`")
;; The third did not run, until it asks the first.
(assert_return (invoke "b-alone") (u32.const 2))
(assert_trap (invoke "b-good")
  "cannot enter component instance: it trapped before: unreachable in `explode`")
(assert_trap (invoke "b-alone") "cannot enter component instance: it trapped before")

;; Traps of the canonical ABI lock, too: a result that is no `char`.
(component
  (core module $M
    (func (export "f") (result i32) (i32.const 0xd800))
    (func (export "g")))
  (core instance $m (instantiate $M))
  (func (export "f") (result char) (canon lift (core func $m "f")))
  (func (export "g") (canon lift (core func $m "g"))))

(assert_return (invoke "g"))
(assert_trap (invoke "f") "invalid `char` bit pattern")
(assert_trap (invoke "g")
  "cannot enter component instance: it trapped before: invalid `char` bit pattern")

;; And so do destructors: of the guest that drops, and of the guest that
;; defines.
(component
  (component $Def
    (core module $D
      (func $explode (unreachable))
      (func (export "dtor") (param i32)
        (if (i32.eq (local.get 0) (i32.const 13)) (then (call $explode))))
      (func (export "ping")))
    (core instance $d (instantiate $D))
    (type $R (resource (rep i32) (dtor (core func $d "dtor"))))
    (export $Re "r" (type $R))
    (core func $new (canon resource.new $R))
    (func (export "make") (param "rep" u32) (result (own $Re)) (canon lift (core func $new)))
    (func (export "ping") (canon lift (core func $d "ping"))))
  (component $User
    (import "def" (instance $def
      (export "r" (type $R (sub resource)))
      (export "make" (func (param "rep" u32) (result (own $R))))))
    (alias export $def "r" (type $R))
    (core func $make (canon lower (func $def "make")))
    (core func $drop (canon resource.drop $R))
    (core module $M
      (import "" "make" (func $make (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "drop") (param i32) (call $drop (call $make (local.get 0))))
      (func (export "ping")))
    (core instance $m (instantiate $M (with "" (instance
      (export "make" (func $make)) (export "drop" (func $drop))))))
    (func (export "drop") (param "rep" u32) (canon lift (core func $m "drop")))
    (func (export "ping") (canon lift (core func $m "ping"))))
  (instance $def (instantiate $Def))
  (instance $user (instantiate $User (with "def" (instance $def))))
  (export "def-ping" (func $def "ping"))
  (export "drop" (func $user "drop"))
  (export "ping" (func $user "ping")))

(assert_return (invoke "drop" (u32.const 1)))
(assert_trap (invoke "drop" (u32.const 13)) "unreachable")
(assert_trap (invoke "def-ping") "trapped before: unreachable in `explode`")
(assert_trap (invoke "ping") "trapped before: unreachable in `explode`")
