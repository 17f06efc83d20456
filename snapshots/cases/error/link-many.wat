;;! define = example:app/store@1.0.0#get
;;! define = example:app/store@1.0.0#put
;;! define = example:app/clock@0.1.0#now
;;! module = codec (module)
(component
  (import "example:app/store@1.2.0" (instance
    (export "cursor" (type $cursor (sub resource)))
    (export "get" (func (param "key" string) (result (option string))))
    (export "set" (func (param "key" string) (param "value" string)))
    (export "scan" (func (result (own $cursor))))))
  (import "example:app/clock@0.2.0" (instance
    (export "now" (func (result u64)))
    (export "zone" (func (result string)))))
  (import "codec" (core module (export "encode" (func (param i32) (result i32)))))
  (import "main" (func)))
