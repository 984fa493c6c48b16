// A part of every module that makes texts, by a symbolic link: what a module declares itself goes before what the standard library has.
//
// The standard library has its ways of appending, comparing and decoding copied to each place of use: is there room, is
// the storage shared, are both texts small. That is a hundred bytes and more for each part of a message, a fifth of the
// program. Here they are functions, one for each type, which are called.

#if hasFeature(Embedded)
    extension DefaultStringInterpolation {
        @inline(never)
        mutating func appendLiteral(_ literal: String) {
            write(literal)
        }

        @inline(never)
        mutating func appendInterpolation(_ value: String) {
            write(value)
        }

        @inline(never)
        mutating func appendInterpolation<Value: CustomStringConvertible & TextOutputStreamable>(_ value: Value) {
            value.write(to: &self)
        }

        @inline(never)
        mutating func appendInterpolation<Value: CustomStringConvertible>(_ value: Value) {
            write(value.description)
        }
    }

    extension String {
        @inline(never)
        static func += (left: inout String, right: String) {
            left.write(right)
        }

        @inline(never)
        static func + (left: String, right: String) -> String {
            var text = left
            text.write(right)
            return text
        }

        @inline(never)
        mutating func append(_ other: String) {
            write(other)
        }

        @inline(never)
        init<Bytes: Collection>(decoding bytes: Bytes, as encoding: UTF8.Type) where Bytes.Element == UInt8 {
            self = decoded(bytes, encoding)
        }

        @inline(never)
        static func == (left: String, right: String) -> Bool {
            isEqual(left, right)
        }

        @inline(never)
        static func != (left: String, right: String) -> Bool {
            !isEqual(left, right)
        }

        @inline(never)
        static func ~= (pattern: String, value: String) -> Bool {
            isEqual(pattern, value)
        }
    }

    extension Array {
        @inline(never)
        mutating func append(_ newElement: __owned Element) {
            appendElement(newElement, to: &self)
        }

        @inline(never)
        mutating func append<Elements: Sequence>(contentsOf newElements: __owned Elements)
        where Elements.Element == Element {
            appendElements(newElements, to: &self)
        }

        @inline(never)
        static func += <Elements: Sequence>(left: inout [Element], right: __owned Elements)
        where Elements.Element == Element {
            appendElements(right, to: &left)
        }
    }

    // Bytes are appended one by one in the loops that read and write documents.
    extension Array where Element == UInt8 {
        @inline(__always)
        mutating func append(_ newElement: UInt8) {
            appendElement(newElement, to: &self)
        }
    }

    // The standard library's own ways: requirements of protocols are not hidden by the extensions above.

    @inline(__always)
    private func decoded<Bytes: Collection, Encoding: _UnicodeEncoding>(
        _ bytes: Bytes, _ encoding: Encoding.Type
    ) -> String where Bytes.Element == Encoding.CodeUnit {
        String(decoding: bytes, as: encoding)
    }

    @inline(__always)
    private func isEqual<Value: Equatable>(_ left: Value, _ right: Value) -> Bool {
        left == right
    }

    @inline(__always)
    private func appendElement<Elements: RangeReplaceableCollection>(
        _ element: __owned Elements.Element, to elements: inout Elements
    ) {
        elements.append(element)
    }

    @inline(__always)
    private func appendElements<Elements: RangeReplaceableCollection, More: Sequence>(
        _ more: __owned More, to elements: inout Elements
    ) where More.Element == Elements.Element {
        elements.append(contentsOf: more)
    }
#endif
