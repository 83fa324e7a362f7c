// SPDX-License-Identifier: Apache-2.0

/// One service of botocore's data, as far as the generator needs it.
struct Model {
    let metadata: JSON
    let operations: [ModelOperation]
    let shapes: [String: ModelShape]

    init(_ json: JSON) {
        metadata = json["metadata"] ?? .null
        operations = (json["operations"]?.members ?? []).map { ModelOperation(name: $0.key, $0.value) }.sorted {
            $0.name < $1.name
        }
        let shapes = (json["shapes"]?.members ?? []).map { ($0.key, ModelShape(name: $0.key, $0.value)) }
        self.shapes = Dictionary(shapes, uniquingKeysWith: { first, _ in first })
    }

    func shape(_ name: String) throws -> ModelShape {
        guard let shape = shapes[name] else { throw Failure("the model has no shape \(name)") }
        return shape
    }

    /// The name of the protocols as `AWSWire.WireProtocol` spells its cases; those that Martlet does not speak are left out.
    func protocols() throws -> [String] {
        let named = metadata["protocols"]?.strings ?? [metadata["protocol"]?.string ?? ""]
        let json = metadata["jsonVersion"]?.string == "1.0" ? "json10" : "json11"
        let known = ["rest-json": "restJSON", "json": json, "query": "query"]
        let cases = named.compactMap { known[$0] }
        guard !cases.isEmpty else { throw Failure("no protocol of \(named) is spoken yet") }
        return cases
    }
}

struct ModelOperation {
    let name: String
    let method: String
    let path: String
    let status: Int
    let input: String?
    let output: String?
    let resultWrapper: String?
    let errors: [String]

    init(name: String, _ json: JSON) {
        self.name = name
        method = json["http"]?["method"]?.string ?? "POST"
        path = json["http"]?["requestUri"]?.string ?? "/"
        status = json["http"]?["responseCode"]?.number.flatMap { Int($0) } ?? 200
        input = json["input"]?["shape"]?.string
        output = json["output"]?["shape"]?.string
        resultWrapper = json["output"]?["resultWrapper"]?.string
        errors = (json["errors"]?.array ?? []).compactMap { $0["shape"]?.string }
    }
}

/// A use of a shape: as a member, an element, a key or a value. Traits may sit here or on the shape.
struct Reference {
    let name: String
    let shape: String
    let json: JSON

    init(name: String, _ json: JSON) {
        self.name = name
        self.shape = json["shape"]?.string ?? ""
        self.json = json
    }

    func has(_ trait: String) -> Bool { json[trait]?.isTrue ?? false }
}

struct ModelShape {
    let name: String
    let json: JSON
    let type: String
    let members: [Reference]
    let required: Set<String>
    let enumeration: [String]

    init(name: String, _ json: JSON) {
        self.name = name
        self.json = json
        type = json["type"]?.string ?? ""
        members = (json["members"]?.members ?? []).map { Reference(name: $0.key, $0.value) }
        required = Set(json["required"]?.strings ?? [])
        enumeration = json["enum"]?.strings ?? []
    }

    func has(_ trait: String) -> Bool { json[trait]?.isTrue ?? false }

    /// A structure that a generated struct stands for.
    var isStructure: Bool { type == "structure" && !has("document") }
    var isEnumeration: Bool { type == "string" && !enumeration.isEmpty }

    /// The names a list or map gives its parts are the generator's own; `locationName` may rename them on the wire.
    var elements: [Reference] {
        switch type {
        case "list": [Reference(name: "member", json["member"] ?? .null)]
        case "map": [Reference(name: "key", json["key"] ?? .null), Reference(name: "value", json["value"] ?? .null)]
        default: []
        }
    }

    /// Every shape that this one's declaration mentions.
    var mentioned: [String] { (members + elements).map(\.shape) }
}
