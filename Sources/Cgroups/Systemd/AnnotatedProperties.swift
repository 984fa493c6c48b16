internal import DBus
internal import OCI

/// Properties of the unit that annotations of the configuration ask for: `org.systemd.property.NAME`, with a value in
/// GVariant's text form.
enum AnnotatedProperties {
    static let prefix = "org.systemd.property."

    /// The properties, in the order of the annotations. They come last, so that they win.
    static func read(_ annotations: [Annotation]) throws(CgroupError) -> [UnitProperty] {
        var properties: [UnitProperty] = []
        for annotation in annotations where annotation.key.hasPrefix(prefix) {
            let name = String(decoding: annotation.key.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
            do { properties.append(try property(name, annotation.value)) } catch {
                throw .value(field: "annotations[\"\(annotation.key)\"]", reason: error.message)
            }
        }
        return properties
    }

    private static func property(_ name: String, _ text: String) throws(VariantText.Problem) -> UnitProperty {
        let isName =
            name.utf8.count > 2
            && name.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            }
        if !isName { throw VariantText.Problem(message: "not the name of a property of a unit") }
        let value = try VariantText.parse(text)
        guard isInSeconds(name) else { return UnitProperty(name, value) }
        return UnitProperty("\(name.dropLast(3))USec", .uint64(try microseconds(value)))
    }

    /// systemd shows `TimeoutStopSec`, but takes `TimeoutStopUSec`, in microseconds.
    private static func isInSeconds(_ name: String) -> Bool {
        guard name.hasSuffix("Sec"), let before = name.dropLast(3).utf8.last else { return false }
        return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(before)
    }

    private static func microseconds(_ value: BusValue) throws(VariantText.Problem) -> UInt64 {
        let seconds: Double
        switch value {
        case .byte(let number): seconds = Double(number)
        case .int16(let number): seconds = Double(number)
        case .uint16(let number): seconds = Double(number)
        case .int32(let number): seconds = Double(number)
        case .uint32(let number): seconds = Double(number)
        case .int64(let number): seconds = Double(number)
        case .uint64(let number): seconds = Double(number)
        case .double(let number): seconds = number
        case .boolean, .string, .objectPath, .signature, .array, .structure, .variant, .entry:
            throw VariantText.Problem(message: "not a number of seconds")
        }
        guard let microseconds = UInt64(exactly: (seconds * 1e6).rounded(.down)) else {
            throw VariantText.Problem(message: "not a number of seconds that systemd could take")
        }
        return microseconds
    }
}
