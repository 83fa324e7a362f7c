// SPDX-License-Identifier: Apache-2.0

/// `Sources/Services/<Name>/service.json`: what Martlet does of a model, and the few facts that no model states.
struct ServiceFile {
    /// The folder's name, `Lambda`: prefix of the generated files and types.
    let folder: String
    /// Martlet's name of the service, botocore's too.
    let service: String
    /// Inside botocore's data: `lambda/2015-03-31`.
    let model: String
    let operations: [String]
    /// In IAM's actions; the model's endpoint prefix where the file is silent.
    let actionPrefix: String?
    /// IAM's action of the operations whose action has another name.
    let actions: [String: String]
    /// Values of members that AWS always sends with an error, by error and member.
    let errorDefaults: [String: [String: String]]
    /// Errors that AWS answers although no operation of the model lists them.
    let errors: [String]
    let isGlobal: Bool
    /// How the service words broken constraints, where that is not the protocol's usual way.
    let validation: Validation?
    /// Members whose values the service judges in its own words, beside what the model says: `CreateFunctionRequest.Runtime`.
    let judgedByService: [String]
    /// In front of an error's name in JSON: `com.amazonaws.sqs`.
    let errorNamespace: String?

    init(folder: String, _ json: JSON) throws {
        let known = [
            "service", "model", "operations", "actionPrefix", "actions", "errorDefaults", "errors", "global",
            "validation", "judgedByService", "errorNamespace",
        ]
        for (key, _) in json.members where !known.contains(key) {
            throw Failure("\(folder)/service.json: unknown member \(key)")
        }
        guard let service = json["service"]?.string, let model = json["model"]?.string else {
            throw Failure("\(folder)/service.json: \"service\" and \"model\" are needed")
        }
        self.folder = folder
        self.service = service
        self.model = model
        operations = json["operations"]?.strings ?? []
        actionPrefix = json["actionPrefix"]?.string
        actions = Self.texts(json["actions"])
        errorDefaults = (json["errorDefaults"]?.members ?? []).reduce(into: [:]) { $0[$1.key] = Self.texts($1.value) }
        errors = json["errors"]?.strings ?? []
        isGlobal = json["global"]?.isTrue ?? false
        validation = try json["validation"].map { try Validation(folder, $0) }
        judgedByService = json["judgedByService"]?.strings ?? []
        errorNamespace = json["errorNamespace"]?.string
    }

    /// The arguments of AWSWire's `ValidationStyle` that differ from its defaults.
    struct Validation {
        let code: String
        let hidesValues: Bool

        init(_ folder: String, _ json: JSON) throws {
            for (key, _) in json.members where !["code", "hidesValues"].contains(key) {
                throw Failure("\(folder)/service.json: unknown member validation.\(key)")
            }
            guard let code = json["code"]?.string else {
                throw Failure("\(folder)/service.json: \"validation\" wants a \"code\"")
            }
            self.code = code
            hidesValues = json["hidesValues"]?.isTrue ?? false
        }
    }

    private static func texts(_ json: JSON?) -> [String: String] {
        (json?.members ?? []).reduce(into: [:]) { $0[$1.key] = $1.value.string }
    }
}
