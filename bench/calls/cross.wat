;; Two components: what a call from one to the other costs. The callee never looks at
;; an element.
(component
  (component $callee
    (core module $module
      (memory (export "memory") 8)
      (global $next (mut i32) (i32.const 1024))
      (func (export "realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and
          (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get $align))))
        (global.set $next (i32.add (local.get $at) (local.get $size)))
        (local.get $at))
      (func (export "inc") (param i32) (result i32)
        (i32.add (local.get 0) (i32.const 1)))
      (func (export "take") (param $at i32) (param $length i32) (result i32)
        (global.set $next (i32.const 1024))
        (local.get $length)))
    (core instance $i (instantiate $module))
    (alias core export $i "memory" (core memory $memory))
    (alias core export $i "realloc" (core func $realloc))
    (type $record (record (field "id" u64) (field "x" f64) (field "n" u32)))
    (export $item "item" (type $record))
    (func (export "inc") (param "x" u32) (result u32)
      (canon lift (core func $i "inc")))
    (func (export "take-string") (param "s" string) (result u32)
      (canon lift (core func $i "take") (memory $memory) (realloc $realloc)))
    (func (export "take-records") (param "l" (list $item)) (result u32)
      (canon lift (core func $i "take") (memory $memory) (realloc $realloc))))
  (component $caller
    (type $record (record (field "id" u64) (field "x" f64) (field "n" u32)))
    (import "item" (type $item (eq $record)))
    (import "inc" (func $inc (param "x" u32) (result u32)))
    (import "take-string" (func $take-string (param "s" string) (result u32)))
    (import "take-records" (func $take-records (param "l" (list $item)) (result u32)))
    (core module $memory
      (memory (export "memory") 8)
      (data (i32.const 64) "a linkspan is raised and lowered"))
    (core instance $m (instantiate $memory))
    (core func $inc' (canon lower (func $inc)))
    (core func $take-string'
      (canon lower (func $take-string) (memory (core memory $m "memory"))))
    (core func $take-records'
      (canon lower (func $take-records) (memory (core memory $m "memory"))))
    (core module $module
      (import "callee" "inc" (func $inc (param i32) (result i32)))
      (import "callee" "take-string" (func $take-string (param i32 i32) (result i32)))
      (import "callee" "take-records" (func $take-records (param i32 i32) (result i32)))
      (func (export "run-u32") (param $n i32) (result i64)
        (local $i i32) (local $sum i64)
        (if (local.get $n) (then
          (loop $again
            (local.set $sum
              (i64.add (local.get $sum) (i64.extend_i32_u (call $inc (local.get $i)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (local.get $n))))))
        (local.get $sum))
      (func (export "run-string") (param $n i32) (result i64)
        (local $i i32) (local $sum i64)
        (if (local.get $n) (then
          (loop $again
            (local.set $sum (i64.add (local.get $sum)
              (i64.extend_i32_u (call $take-string (i32.const 64) (i32.const 32)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (local.get $n))))))
        (local.get $sum))
      (func (export "run-records") (param $n i32) (result i64)
        (local $i i32) (local $sum i64)
        (if (local.get $n) (then
          (loop $again
            (local.set $sum (i64.add (local.get $sum)
              (i64.extend_i32_u (call $take-records (i32.const 1024) (i32.const 10000)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get $i) (local.get $n))))))
        (local.get $sum)))
    (core instance $i (instantiate $module (with "callee" (instance
      (export "inc" (func $inc'))
      (export "take-string" (func $take-string'))
      (export "take-records" (func $take-records'))))))
    (func (export "run-u32") (param "n" u32) (result u64)
      (canon lift (core func $i "run-u32")))
    (func (export "run-string") (param "n" u32) (result u64)
      (canon lift (core func $i "run-string")))
    (func (export "run-records") (param "n" u32) (result u64)
      (canon lift (core func $i "run-records"))))
  (instance $callee (instantiate $callee))
  (instance $caller (instantiate $caller
    (with "item" (type $callee "item"))
    (with "inc" (func $callee "inc"))
    (with "take-string" (func $callee "take-string"))
    (with "take-records" (func $callee "take-records"))))
  (export "run-u32" (func $caller "run-u32"))
  (export "run-string" (func $caller "run-string"))
  (export "run-records" (func $caller "run-records")))
