;; Casts: an expression tree over a hierarchy of seven types, none of them final, is
;; evaluated by a chain of tests and casts. run(n) evaluates it n times; nothing is
;; allocated meanwhile.
(module
  (rec
    (type $expr (sub (struct (field $weight i32))))
    (type $literal (sub $expr (struct (field $weight i32) (field $value i64))))
    (type $unary (sub $expr (struct (field $weight i32) (field $inner (ref $expr)))))
    (type $negate (sub $unary (struct (field $weight i32) (field $inner (ref $expr)))))
    (type $binary
      (sub $expr
        (struct (field $weight i32) (field $left (ref $expr)) (field $right (ref $expr)))))
    (type $add
      (sub $binary
        (struct (field $weight i32) (field $left (ref $expr)) (field $right (ref $expr)))))
    (type $multiply
      (sub $binary
        (struct (field $weight i32) (field $left (ref $expr)) (field $right (ref $expr))))))

  ;; A tree of the given depth whose kinds of nodes depend on seed.
  (func $make (param $depth i32) (param $seed i32) (result (ref $expr))
    (local $next i32) (local $kind i32)
    (local.set $next
      (i32.add (i32.mul (local.get $seed) (i32.const 1103515245)) (i32.const 12345)))
    (local.set $kind (i32.and (i32.shr_u (local.get $next) (i32.const 16)) (i32.const 3)))
    (if (i32.eqz (local.get $depth))
      (then
        (return
          (struct.new $literal (i32.const 1) (i64.extend_i32_s (local.get $next))))))
    (if (i32.eqz (local.get $kind))
      (then
        (return
          (struct.new $negate (i32.const 2)
            (call $make (i32.sub (local.get $depth) (i32.const 1)) (local.get $next))))))
    (if (result (ref $expr)) (i32.eq (local.get $kind) (i32.const 1))
      (then
        (struct.new $multiply (i32.const 3)
          (call $make (i32.sub (local.get $depth) (i32.const 1)) (local.get $next))
          (call $make (i32.sub (local.get $depth) (i32.const 1))
            (i32.xor (local.get $next) (i32.const 0x55555555)))))
      (else
        (struct.new $add (i32.const 4)
          (call $make (i32.sub (local.get $depth) (i32.const 1)) (local.get $next))
          (call $make (i32.sub (local.get $depth) (i32.const 1))
            (i32.xor (local.get $next) (i32.const 0x33333333)))))))

  (func $evaluate (param $e (ref $expr)) (result i64)
    (local $two (ref null $binary))
    (block $is-literal (result (ref $literal))
      (block $is-binary (result (ref $binary))
        (drop
          (br_on_cast $is-binary (ref $expr) (ref $binary)
            (br_on_cast $is-literal (ref $expr) (ref $literal) (local.get $e))))
        ;; What is left is unary, and of unary ones only negations are made.
        (return
          (i64.sub (i64.const 1)
            (call $evaluate
              (struct.get $unary $inner (ref.cast (ref $unary) (local.get $e)))))))
      (local.set $two)
      (if (ref.test (ref $multiply) (local.get $two))
        (then
          (return
            (i64.mul
              (call $evaluate (struct.get $binary $left (local.get $two)))
              (i64.or (i64.const 1)
                (call $evaluate (struct.get $binary $right (local.get $two))))))))
      (return
        (i64.add
          (call $evaluate (struct.get $binary $left (local.get $two)))
          (i64.rotl
            (call $evaluate
              (struct.get $add $right (ref.cast (ref null $add) (local.get $two))))
            (i64.const 7)))))
    (struct.get $literal $value))

  (func (export "run") (param $n i32) (result i64)
    (local $tree (ref $expr)) (local $sum i64)
    (local.set $tree (call $make (i32.const 14) (i32.const 11)))
    (loop $again
      (local.set $sum
        (i64.add
          (i64.mul (local.get $sum) (i64.const 31))
          (call $evaluate (local.get $tree))))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))
