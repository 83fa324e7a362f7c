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
    /// Members whose values the service judges in its own words, be they absent or wrong: `CreateFunctionRequest.Runtime`.
    let judgedByService: [String]
    /// In front of an error's name in JSON: `com.amazonaws.sqs`.
    let errorNamespace: String?
    /// What a model that has lost its Query protocol no longer says of it.
    let query: Query?

    init(folder: String, _ json: JSON) throws {
        let known = [
            "service", "model", "operations", "actionPrefix", "actions", "errorDefaults", "errors", "global",
            "validation", "judgedByService", "errorNamespace", "query",
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
        query = try json["query"].map { try Query(folder, $0) }
    }

    /// The Query protocol beside the one that the model names.
    struct Query {
        let namespace: String
        /// The input member that the request's path stands for.
        let pathMember: String?
        /// Names in forms and XML: of a list or map by its shape, of its parts by `Shape.key`, `Shape.value`.
        let names: [String: String]
        /// Codes of errors, by their names.
        let errors: [String: String]
        /// What errors say in Query only, by their names.
        let messages: [String: String]

        init(_ folder: String, _ json: JSON) throws {
            for (key, _) in json.members
            where !["namespace", "pathMember", "names", "errors", "messages"].contains(key) {
                throw Failure("\(folder)/service.json: unknown member query.\(key)")
            }
            guard let namespace = json["namespace"]?.string else {
                throw Failure("\(folder)/service.json: \"query\" wants a \"namespace\"")
            }
            self.namespace = namespace
            pathMember = json["pathMember"]?.string
            names = ServiceFile.texts(json["names"])
            errors = ServiceFile.texts(json["errors"])
            messages = ServiceFile.texts(json["messages"])
        }
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
