// SPDX-License-Identifier: Apache-2.0

/// The data identifiers that AWS manages and that can be told by their form.
enum ManagedIdentifiers {
    struct Definition: Sendable {
        var pattern: String
        /// One of these has to stand shortly before it; none is needed where there are none.
        var keywords: [String] = []
        var check: DigitCheck?
    }

    /// AWS knows it, whether it can be found here or not.
    static func isKnown(_ name: String) -> Bool {
        all[name] != nil || others.contains(name) || families.contains(String(name.prefix { $0 != "-" }))
    }

    static let all = [credentials, devices, finance, health, persons].reduce([:]) { $0.merging($1) { $1 } }

    private static func key(_ label: String) -> Definition {
        Definition(pattern: "-----BEGIN \(label)-----(?s:.*?)(?:-----END \(label)-----|\\z)")
    }

    private static let credentials = [
        "AwsSecretKey": Definition(
            pattern: "(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])",
            keywords: ["aws secret access key", "credentials", "secret access key", "secret key", "set-awscredential"]
        ),
        "OpenSshPrivateKey": key("OPENSSH PRIVATE KEY"), "PgpPrivateKey": key("PGP PRIVATE KEY BLOCK"),
        "PkcsPrivateKey": key("(?:RSA |DSA |EC |ENCRYPTED )?PRIVATE KEY"),
        "PuttyPrivateKey": Definition(pattern: "PuTTY-User-Key-File-[0-9]+:(?s:.*?)(?:Private-MAC: [0-9a-f]+|\\z)"),
    ]

    private static let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    private static let hextet = "[0-9A-Fa-f]{1,4}"

    private static let devices = [
        "IpAddress": Definition(
            pattern: """
                (?<![0-9A-Za-z.:])(?:\(octet)(?:[.]\(octet)){3}(?![0-9A-Za-z]|[.][0-9])|(?:(?:\(hextet):){7}\(hextet)\
                |(?:\(hextet):){1,6}(?::\(hextet)){1,6}|(?:\(hextet):){2,7}:|::(?:\(hextet):){0,6}\(hextet))(?![0-9A-Za-z:]))
                """
        )
    ]

    private static let finance = [
        "CreditCardNumber": Definition(
            pattern:
                "(?<![0-9A-Za-z])(?:[2-6][0-9]{3}[ -]?[0-9]{4,6}[ -]?[0-9]{4,5}(?:[ -]?[0-9]{1,4})?)(?![0-9A-Za-z])",
            check: .luhn
        ),
        "CreditCardExpiration": Definition(
            pattern: "(?<![0-9])(?:0?[1-9]|1[0-2])[/-](?:20)?[0-9]{2}(?![0-9])",
            keywords: ["exp d", "exp m", "exp y", "expiration", "expiry", "expires"]
        ),
        "CreditCardSecurityCode": Definition(
            pattern: "(?<![0-9])[0-9]{3,4}(?![0-9])",
            keywords: [
                "card id", "card identification code", "card identification number", "card security code",
                "card validation code", "card validation number", "card verification code", "card verification value",
                "cvc", "cvc2", "cvv", "cvv2", "elo verification code",
            ]
        ),
        "BankAccountNumber-US": Definition(
            pattern: "(?<![0-9])[0-9]{6,17}(?![0-9])",
            keywords: [
                "bank account", "bank acct", "checking account", "checking acct", "deposit account", "savings account",
            ]
        ),
    ].merging(["DE": 18, "ES": 20, "FR": 23, "GB": 18, "IT": 23].map { ("BankAccountNumber-\($0)", iban($0, $1)) }) {
        $1
    }

    private static func iban(_ country: String, _ length: Int) -> Definition {
        Definition(
            pattern: "(?<![0-9A-Za-z])\(country)[0-9]{2}(?:[ ]?[0-9A-Z]){\(length)}(?![0-9A-Za-z])",
            check: .iban
        )
    }

    private static let health = [
        "DrugEnforcementAgencyNumber-US": Definition(
            pattern: "(?<![0-9A-Za-z])[A-Za-z][A-Za-z9][0-9]{7}(?![0-9A-Za-z])",
            keywords: ["dea number", "dea registration", "dea"],
            check: .dea
        ),
        "NationalProviderId-US": Definition(
            pattern: "(?<![0-9])[12][0-9]{9}(?![0-9])",
            keywords: ["hipaa", "n.p.i", "national provider", "npi"],
            check: .provider
        ),
        "NhsNumber-GB": Definition(
            pattern: "(?<![0-9])[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}(?![0-9])",
            keywords: ["national health service", "nhs"],
            check: .nhs
        ),
    ]

    private static let persons = [
        "EmailAddress": Definition(
            pattern:
                "(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}[.]){1,8}[A-Za-z]{2,63}(?![A-Za-z0-9-])"
        ),
        "LatLong": Definition(
            pattern: "(?<![0-9.])[+-]?[0-9]{1,2}[.][0-9]{3,10},[ ]?[+-]?[0-9]{1,3}[.][0-9]{3,10}(?![0-9.])",
            keywords: ["coordinate", "coordinates", "lat long", "latitude longitude", "position"]
        ),
        "PhoneNumber-US": Definition(
            pattern:
                "(?<![0-9])(?:[+]?1[ .-]?)?(?:[(][2-9][0-9]{2}[)]|[2-9][0-9]{2})[ .-]?[2-9][0-9]{2}[ .-]?[0-9]{4}(?![0-9])",
            keywords: ["cell", "contact", "fax", "mobile", "phone", "tel"]
        ),
        "Ssn-US": Definition(
            pattern: "(?<![0-9-])(?!000|666|9)[0-9]{3}[ -]?(?!00)[0-9]{2}[ -]?(?!0000)[0-9]{4}(?![0-9-])",
            keywords: ["social security", "ss#", "ssn"]
        ),
        "IndividualTaxIdentificationNumber-US": Definition(
            pattern: "(?<![0-9-])9[0-9]{2}[ -]?[5-9][0-9][ -]?[0-9]{4}(?![0-9-])",
            keywords: ["i.t.i.n", "individual taxpayer id", "itin", "tax id", "taxpayer id"]
        ),
        "VehicleIdentificationNumber": Definition(
            pattern: "(?<![0-9A-Za-z])[A-HJ-NPR-Za-hj-npr-z0-9]{17}(?![0-9A-Za-z])",
            keywords: ["vehicle identification number", "vin", "vin number", "chassis number"],
            check: .vehicle
        ),
        "ZipCode-US": Definition(
            pattern: "(?<![0-9-])[0-9]{5}(?:-[0-9]{4})?(?![0-9-])",
            keywords: ["zip code", "zip[+]4", "zip"]
        ),
    ]

    /// Those that AWS knows and that no form tells apart, or that are not here yet.
    private static let others: Set = [
        "Address", "Name", "CepCode-BR", "Cnpj-BR", "CpfCode-BR", "InseeCode-FR", "NieNumber-ES", "NifNumber-ES",
        "RgNumber-BR", "SsnNumber-ES", "Ssn-ES", "HealthInsuranceClaimNumber-US", "MedicareBeneficiaryNumber-US",
        "NationalDrugCode-US", "HealthcareProcedureCode-US", "HealthInsuranceCardNumber-EU", "HealthInsuranceNumber-FR",
        "NationalInsuranceNumber-GB", "PersonalHealthNumber-CA", "ElectoralRollNumber-GB", "SocialInsuranceNumber-CA",
        "PermanentResidenceNumber-CA", "BankAccountNumber-JP", "Address-JP", "SwiftCode",
    ]
    private static let families: Set = [
        "DriversLicense", "PassportNumber", "PhoneNumber", "IndividualTaxIdentificationNumber", "TaxId",
        "NationalIdentificationNumber",
    ]
}
