;; Exceptions of core modules stay inside their component: at its boundary
;; they are traps, which no clause of the calling component takes.
(component
  (component $Thrower
    (core module $M
      (tag $e)
      (func (export "run") (throw $e))
      (func (export "contained") (result i32)
        (block $h
          (try_table (catch $e $h) (throw $e)))
        (i32.const 7)))
    (core instance $m (instantiate $M))
    (func (export "run") (canon lift (core func $m "run")))
    (func (export "contained") (result u32) (canon lift (core func $m "contained"))))
  (instance $thrower (instantiate $Thrower))
  (export "run" (func $thrower "run"))
  (export "contained" (func $thrower "contained")))

(assert_return (invoke "contained") (u32.const 7))
(assert_trap (invoke "run") "uncaught exception: tag without a name")

(component
  (component $Thrower
    (core module $M
      (tag $e (export "oops") (param i32))
      (func (export "run") (throw $e (i32.const 5))))
    (core instance $m (instantiate $M))
    (func (export "run") (canon lift (core func $m "run"))))
  (component $Catcher
    (import "run" (func $run))
    (core func $lowered (canon lower (func $run)))
    (core module $M
      (import "" "run" (func $run))
      (func (export "catch") (result i32)
        (block $h
          (try_table (catch_all $h) (call $run)))
        (i32.const 1)))
    (core instance $m (instantiate $M (with "" (instance (export "run" (func $lowered))))))
    (func (export "catch") (result u32) (canon lift (core func $m "catch"))))
  (instance $thrower (instantiate $Thrower))
  (instance $catcher (instantiate $Catcher (with "run" (func $thrower "run"))))
  (export "catch" (func $catcher "catch")))

(assert_trap (invoke "catch") "uncaught exception: tag \"oops\" with payload (i32 5)")

;; Both are lost.
(assert_trap (invoke "catch") "cannot enter component instance")

;; What a callee runs for the adapter is behind the boundary, too: `realloc`
;; for a parameter, `post-return` after a result.
(component definition $Helpers
  (component $Callee
    (core module $M
      (tag $e)
      (memory (export "memory") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (throw $e))
      (func (export "take") (param i32 i32))
      (func (export "give") (result i32) (i32.const 7))
      (func (export "after") (param i32) (throw $e)))
    (core instance $m (instantiate $M))
    (func (export "take") (param "text" string)
      (canon lift (core func $m "take") (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
    (func (export "give") (result u32)
      (canon lift (core func $m "give") (post-return (core func $m "after")))))
  (component $Caller
    (import "take" (func $take (param "text" string)))
    (import "give" (func $give (result u32)))
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (core func $lowered-take (canon lower (func $take) (memory (core memory $memory "memory"))))
    (core func $lowered-give (canon lower (func $give)))
    (core module $M
      (import "" "take" (func $take (param i32 i32)))
      (import "" "give" (func $give (result i32)))
      (func (export "take") (result i32)
        (block $h
          (try_table (catch_all $h) (call $take (i32.const 0) (i32.const 3))))
        (i32.const 1))
      (func (export "give") (result i32)
        (block $h
          (try_table (catch_all $h) (drop (call $give))))
        (i32.const 1)))
    (core instance $m (instantiate $M (with "" (instance
      (export "take" (func $lowered-take)) (export "give" (func $lowered-give))))))
    (func (export "take") (result u32) (canon lift (core func $m "take")))
    (func (export "give") (result u32) (canon lift (core func $m "give"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller
    (with "take" (func $callee "take")) (with "give" (func $callee "give"))))
  (export "take" (func $caller "take"))
  (export "give" (func $caller "give")))

(component instance $a $Helpers)
(assert_trap (invoke $a "take") "uncaught exception")
(assert_trap (invoke $a "give") "cannot enter component instance")
(component instance $b $Helpers)
(assert_trap (invoke $b "give") "uncaught exception")
(assert_trap (invoke $b "take") "cannot enter component instance")

;; A destructor that throws stops whoever drops the handle.
(component
  (core module $Dtor
    (tag $e)
    (func (export "dtor") (param i32) (throw $e)))
  (core instance $dtor (instantiate $Dtor))
  (type $r (resource (rep i32) (dtor (core func $dtor "dtor"))))
  (core func $new (canon resource.new $r))
  (core func $drop (canon resource.drop $r))
  (core module $M
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "run") (result i32)
      (block $h
        (try_table (catch_all $h) (call $drop (call $new (i32.const 1)))))
      (i32.const 1)))
  (core instance $m (instantiate $M (with "" (instance
    (export "new" (func $new)) (export "drop" (func $drop))))))
  (func (export "run") (result u32) (canon lift (core func $m "run"))))

(assert_trap (invoke "run") "uncaught exception")
