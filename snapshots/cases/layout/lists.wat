;; Lists of a fixed length stand in place, maps are lists of pairs, and more than
;; sixteen flat values travel through memory.
(component
  (import "corners" (func (param "corners" (list (tuple f32 f32) 4)) (result (list u8 16))))
  (import "many" (func (param "a" (list u64 9)) (param "b" (list u64 8))))
  (import "index" (func (param "index" (map string (list u32))) (result (map char bool)))))
