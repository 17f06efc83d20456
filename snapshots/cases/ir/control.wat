;; Labels, values that branches carry, and code that is never reached.
(module
  (func (export "sum") (param i32) (result i32)
    (local i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get 0)))
        (local.set 1 (i32.add (local.get 1) (local.get 0)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (br $next)))
    (local.get 1))
  (func (export "pick") (param i32) (result i64)
    (block (result i64)
      (block (result i64)
        (br_table 0 1 (i64.const 7) (local.get 0)))
      (i64.const 1)
      i64.add))
  (func (export "either") (param i32) (result i32)
    (if (result i32) (local.get 0)
      (then (return (i32.const 1)))
      (else (unreachable) (i32.add)))))
