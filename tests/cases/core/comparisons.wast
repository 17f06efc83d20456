;; Comparisons that feed a branch, a select or a value must agree, whatever a
;; tier fuses; constants stand on either side.

(module
  (func (export "value") (param i32 i32) (result i32)
    (i32.or
      (i32.or
        (i32.shl (i32.lt_s (local.get 0) (local.get 1)) (i32.const 0))
        (i32.shl (i32.lt_u (local.get 0) (local.get 1)) (i32.const 1)))
      (i32.or
        (i32.shl (i32.ge_s (local.get 0) (local.get 1)) (i32.const 2))
        (i32.shl (i32.ge_u (local.get 0) (local.get 1)) (i32.const 3)))))
  (func (export "branch") (param i32 i32) (result i32)
    (local i32)
    (if (i32.lt_s (local.get 0) (local.get 1))
      (then (local.set 2 (i32.or (local.get 2) (i32.const 1)))))
    (block
      (br_if 0 (i32.eqz (i32.lt_u (local.get 0) (local.get 1))))
      (local.set 2 (i32.or (local.get 2) (i32.const 2))))
    (block
      (br_if 0 (i32.lt_s (local.get 0) (local.get 1)))
      (local.set 2 (i32.or (local.get 2) (i32.const 4))))
    (if (i32.eqz (i32.eqz (i32.ge_u (local.get 0) (local.get 1))))
      (then (local.set 2 (i32.or (local.get 2) (i32.const 8)))))
    (local.get 2))
  (func (export "select") (param i32 i32) (result i32)
    (i32.or
      (select (i32.const 1) (i32.const 0) (i32.gt_s (local.get 1) (local.get 0)))
      (i32.or
        (select (i32.const 2) (i32.const 0) (i32.gt_u (local.get 1) (local.get 0)))
        (i32.or
          (select (i32.const 0) (i32.const 4) (i32.gt_s (local.get 1) (local.get 0)))
          (select (i32.const 0) (i32.const 8) (i32.gt_u (local.get 1) (local.get 0)))))))

  (func (export "constant-right") (param i32) (result i32)
    (if (result i32) (i32.gt_s (local.get 0) (i32.const -1)) (then (i32.const 1)) (else (i32.const 0))))
  (func (export "constant-left") (param i32) (result i32)
    (if (result i32) (i32.lt_s (i32.const -1) (local.get 0)) (then (i32.const 1)) (else (i32.const 0))))
  (func (export "constant-unsigned") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const -1)) (then (i32.const 1)) (else (i32.const 0))))
  (func (export "wide-constant") (param i64) (result i32)
    (if (result i32) (i64.lt_s (local.get 0) (i64.const 0x1_0000_0000)) (then (i32.const 1)) (else (i32.const 0))))
  (func (export "wide-zero") (param i64) (result i32)
    (if (result i32) (i64.eqz (local.get 0)) (then (i32.const 1)) (else (i32.const 0))))

  ;; With a NaN no order holds, and its negation does not hold by that.
  (func (export "float") (param f64 f64) (result i32)
    (local i32)
    (if (f64.lt (local.get 0) (local.get 1)) (then (local.set 2 (i32.or (local.get 2) (i32.const 1)))))
    (if (i32.eqz (f64.lt (local.get 0) (local.get 1))) (then (local.set 2 (i32.or (local.get 2) (i32.const 2)))))
    (if (f64.ge (local.get 0) (local.get 1)) (then (local.set 2 (i32.or (local.get 2) (i32.const 4)))))
    (block (br_if 0 (f64.ne (local.get 0) (local.get 1))) (local.set 2 (i32.or (local.get 2) (i32.const 8))))
    (local.get 2))
)

;; Bits: signed less, unsigned less, signed not less, unsigned not less.
(assert_return (invoke "value" (i32.const 1) (i32.const 2)) (i32.const 3))
(assert_return (invoke "branch" (i32.const 1) (i32.const 2)) (i32.const 3))
(assert_return (invoke "select" (i32.const 1) (i32.const 2)) (i32.const 3))
(assert_return (invoke "value" (i32.const 2) (i32.const 2)) (i32.const 12))
(assert_return (invoke "branch" (i32.const 2) (i32.const 2)) (i32.const 12))
(assert_return (invoke "select" (i32.const 2) (i32.const 2)) (i32.const 12))
(assert_return (invoke "value" (i32.const -1) (i32.const 2)) (i32.const 9))
(assert_return (invoke "branch" (i32.const -1) (i32.const 2)) (i32.const 9))
(assert_return (invoke "select" (i32.const -1) (i32.const 2)) (i32.const 9))
(assert_return (invoke "value" (i32.const 0x7fffffff) (i32.const 0x80000000)) (i32.const 6))
(assert_return (invoke "branch" (i32.const 0x7fffffff) (i32.const 0x80000000)) (i32.const 6))
(assert_return (invoke "select" (i32.const 0x7fffffff) (i32.const 0x80000000)) (i32.const 6))
(assert_return (invoke "constant-right" (i32.const 0)) (i32.const 1))
(assert_return (invoke "constant-right" (i32.const -1)) (i32.const 0))
(assert_return (invoke "constant-left" (i32.const 0)) (i32.const 1))
(assert_return (invoke "constant-left" (i32.const -2)) (i32.const 0))
(assert_return (invoke "constant-unsigned" (i32.const -2)) (i32.const 1))
(assert_return (invoke "constant-unsigned" (i32.const -1)) (i32.const 0))
(assert_return (invoke "wide-constant" (i64.const 0xffff_ffff)) (i32.const 1))
(assert_return (invoke "wide-constant" (i64.const 0x1_0000_0000)) (i32.const 0))
(assert_return (invoke "wide-zero" (i64.const 0x1_0000_0000)) (i32.const 0))
(assert_return (invoke "wide-zero" (i64.const 0)) (i32.const 1))
(assert_return (invoke "float" (f64.const 1) (f64.const 2)) (i32.const 1))
(assert_return (invoke "float" (f64.const 2) (f64.const 2)) (i32.const 14))
(assert_return (invoke "float" (f64.const nan) (f64.const 2)) (i32.const 2))
(assert_return (invoke "float" (f64.const 0) (f64.const -0)) (i32.const 14))
