;; Garbage in cycles: rings of a hundred nodes that point both ways. run(n) makes n
;; rings and drops each; counting references alone would keep all of them.
(module
  (type $node
    (sub final
      (struct (field $value i64) (field $next (mut (ref null $node)))
        (field $previous (mut (ref null $node))))))
  (func $ring (param $seed i64) (result (ref $node))
    (local $first (ref $node)) (local $last (ref $node)) (local $new (ref $node))
    (local $left i32)
    (local.set $first (struct.new $node (local.get $seed) (ref.null $node) (ref.null $node)))
    (local.set $last (local.get $first))
    (local.set $left (i32.const 99))
    (loop $more
      (local.set $seed
        (i64.add
          (i64.mul (local.get $seed) (i64.const 6364136223846793005))
          (i64.const 1442695040888963407)))
      (local.set $new (struct.new $node (local.get $seed) (ref.null $node) (local.get $last)))
      (struct.set $node $next (local.get $last) (local.get $new))
      (local.set $last (local.get $new))
      (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (struct.set $node $next (local.get $last) (local.get $first))
    (struct.set $node $previous (local.get $first) (local.get $last))
    (local.get $first))

  ;; Once around against the direction in which it was made.
  (func $sum (param $first (ref $node)) (result i64)
    (local $node (ref $node)) (local $sum i64)
    (local.set $node (local.get $first))
    (loop $again
      (local.set $sum
        (i64.xor
          (i64.rotl (local.get $sum) (i64.const 5))
          (struct.get $node $value (local.get $node))))
      (local.set $node (ref.as_non_null (struct.get $node $previous (local.get $node))))
      (br_if $again (i32.eqz (ref.eq (local.get $node) (local.get $first)))))
    (local.get $sum))

  (func (export "run") (param $n i32) (result i64)
    (local $sum i64)
    (loop $rings
      (local.set $sum
        (i64.add
          (i64.mul (local.get $sum) (i64.const 31))
          (call $sum (call $ring (i64.extend_i32_u (local.get $n))))))
      (br_if $rings (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum)))
