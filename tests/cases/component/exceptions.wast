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
