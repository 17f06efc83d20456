;; Core tables, globals, memories and tags, aliased out of core instances and
;; given new names: every name stands for the same item.

;; One table and one global, shared by three modules under three names.
(component
  (core module $Shared
    (table (export "table") 4 funcref)
    (global (export "counter") (mut i32) (i32.const 5))
    (global (export "base") i32 (i32.const 2)))
  (core instance $shared (instantiate $Shared))
  (alias core export $shared "table" (core table $t))
  (alias core export $shared "counter" (core global $c))
  (core instance $renamed
    (export "functions" (table $t))
    (export "n" (global $c))
    (export "base" (global $shared "base")))
  (core module $Fill
    (import "in" "functions" (table 4 funcref))
    (import "in" "n" (global $n (mut i32)))
    (import "in" "base" (global $base i32))
    (func $bump (result i32)
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (global.get $n))
    (elem (global.get $base) func $bump))
  (core instance $fill (instantiate $Fill (with "in" (instance $renamed))))
  (core module $Use
    (type $f (func (result i32)))
    (import "a" "t" (table 4 funcref))
    (import "a" "g" (global $g (mut i32)))
    (func (export "call") (result i32) (call_indirect (type $f) (i32.const 2)))
    (func (export "look") (result i32) (global.get $g)))
  (core instance $use (instantiate $Use (with "a" (instance
    (export "t" (table $t))
    (export "g" (global $c))))))
  (func (export "call") (result u32) (canon lift (core func $use "call")))
  (func (export "look") (result u32) (canon lift (core func $use "look"))))
(assert_return (invoke "look") (u32.const 5))
(assert_return (invoke "call") (u32.const 6))
(assert_return (invoke "look") (u32.const 6))

;; A tag of one core instance, thrown in a second and caught in a third, that
;; a fourth with a tag of its own does not catch.
(component
  (core module $Tag (tag (export "t") (param i32)))
  (core instance $one (instantiate $Tag))
  (core instance $two (instantiate $Tag))
  (alias core export $one "t" (core tag $t))
  (core module $Throw
    (import "" "e" (tag $e (param i32)))
    (func (export "throw") (param i32) (throw $e (local.get 0))))
  (core instance $throw (instantiate $Throw (with "" (instance (export "e" (tag $t))))))
  (core module $Catch
    (import "" "mine" (tag $mine (param i32)))
    (import "" "throw" (func $throw (param i32)))
    (func (export "run") (param i32) (result i32)
      (block $caught (result i32)
        (block $other
          (try_table (catch $mine $caught) (catch_all $other)
            (call $throw (local.get 0))))
        (i32.const -1))))
  (core instance $same (instantiate $Catch (with "" (instance
    (export "mine" (tag $t))
    (export "throw" (func $throw "throw"))))))
  (core instance $different (instantiate $Catch (with "" (instance
    (export "mine" (tag $two "t"))
    (export "throw" (func $throw "throw"))))))
  (func (export "same") (param "n" s32) (result s32) (canon lift (core func $same "run")))
  (func (export "different") (param "n" s32) (result s32)
    (canon lift (core func $different "run"))))
(assert_return (invoke "same" (s32.const 11)) (s32.const 11))
(assert_return (invoke "different" (s32.const 11)) (s32.const -1))

;; Each instance of a component has items of its own.
(component
  (component $Counter
    (core module $m
      (global $n (mut i32) (i32.const 0))
      (func (export "next") (result i32)
        (global.set $n (i32.add (global.get $n) (i32.const 1)))
        (global.get $n)))
    (core instance $i (instantiate $m))
    (func (export "next") (result u32) (canon lift (core func $i "next"))))
  (instance $a (instantiate $Counter))
  (instance $b (instantiate $Counter))
  (export "a" (func $a "next"))
  (export "b" (func $b "next")))
(assert_return (invoke "a") (u32.const 1))
(assert_return (invoke "a") (u32.const 2))
(assert_return (invoke "b") (u32.const 1))
