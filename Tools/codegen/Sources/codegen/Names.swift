// SPDX-License-Identifier: Apache-2.0

/// How names of a model become names of Swift.
enum Names {
    /// `KMSKeyArn` → `kmsKeyArn`, `FunctionUrlConfig` → `functionUrlConfig`, `MD5OfBody` → `md5OfBody`, `ARNs` → `arns`.
    static func lowerCamel(_ name: String) -> String {
        let characters = Array(name)
        let run = characters.prefix { $0.isUppercase }.count
        guard run > 0 else { return name }
        let rest = characters[run...]
        if name.hasPrefix("IPv") { return "ip" + String(rest) }
        if run == 1 || rest.isEmpty || isPlural(rest) || rest.first?.isLetter == false {
            return name.prefix(run).lowercased() + String(rest)
        }
        return name.prefix(run - 1).lowercased() + String(characters[(run - 1)...])
    }

    /// The `s` of `ARNs` and `IDsToKeep` belongs to the acronym in front of it.
    private static func isPlural(_ rest: ArraySlice<Character>) -> Bool {
        rest.first == "s" && (rest.dropFirst().first?.isUppercase ?? true)
    }

    /// A struct's name: the model's with a capital. Names that would hide a type of the code around it carry the service.
    static func type(_ name: String, service: String) -> String {
        let capital = name.prefix(1).uppercased() + name.dropFirst()
        return taken.contains(capital) ? service + capital : capital
    }

    static func member(_ name: String) -> String { escaped(lowerCamel(name)) }

    /// `python3.12` → `python312`, `IN_PROGRESS` → `inProgress`, `RequestResponse` → `requestResponse`, `x86_64` → `x8664`.
    static func enumerationCase(_ value: String) -> String {
        let words = value.split { !($0.isLetter || $0.isNumber) }.map(String.init)
        let named = words.enumerated().map { index, word in
            let shouted = !word.contains { $0.isLowercase }
            let plain = shouted ? word.lowercased() : word
            return index == 0 ? (shouted ? plain : lowerCamel(plain)) : plain.prefix(1).uppercased() + plain.dropFirst()
        }
        let name = named.joined()
        if name.isEmpty { return "blank" }
        return escaped(name.first?.isNumber == true ? "_" + name : name)
    }

    static func escaped(_ name: String) -> String { keywords.contains(name) ? "`\(name)`" : name }

    /// Types that generated and hand-written code of a service uses by their plain name.
    private static let taken: Set<String> = [
        "Any", "Array", "Bool", "Character", "Dictionary", "Double", "Duration", "Error", "Int", "Never", "Optional",
        "Protocol",
        "Range", "Result", "Self", "Set", "String", "Task", "Type", "ARN", "Authorizer", "Blob", "ByteBuffer",
        "ByteStream",
        "CommonError", "Database", "Endpoint", "EventStream", "Field", "Indirect", "Instant", "JSONValue", "Logger",
        "ModelledError", "Operation", "OperationDescriptor", "Pattern", "Patterns", "Principal", "RegularExpression",
        "RequestContext", "Row", "SQL", "Scope", "ServiceError", "ServiceModel", "ServiceProvider", "Shape",
        "ShapeCoder",
        "StringEnumeration", "WallClock", "WireProtocol", "WireValue",
    ]

    private static let keywords: Set<String> = [
        "as", "associatedtype", "break", "case", "catch", "class", "continue", "default", "defer", "deinit", "do",
        "else",
        "enum",
        "extension", "fallthrough", "false", "fileprivate", "for", "func", "guard", "if", "import", "in", "init",
        "inout",
        "internal", "is", "let", "nil", "operator", "precedencegroup", "private", "protocol", "public", "repeat",
        "rethrows",
        "return", "self", "static", "struct", "subscript", "super", "switch", "throw", "throws", "true", "try",
        "typealias",
        "var", "where", "while",
    ]
}

/// Text as a literal of Swift: raw where that keeps it readable, escaped where it has control characters.
func literal(_ text: String) -> String {
    let plain = !text.unicodeScalars.contains {
        $0.value < 0x20 || (0x7F...0xA0).contains($0.value) || $0.value > 0xFFFD
    }
    if plain, !text.contains("\\"), !text.contains("\"") { return "\"\(text)\"" }
    if plain, !text.contains("\"#"), !text.contains("\\#") { return "#\"\(text)\"#" }
    let escaped = text.unicodeScalars.map { scalar -> String in
        switch scalar {
        case "\\": "\\\\"
        case "\"": "\\\""
        case _ where scalar.value < 0x20 || scalar.value > 0x7E:
            "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        default: String(scalar)
        }
    }
    return "\"\(escaped.joined())\""
}
