"""The countries of the world by ISO 3166, with the regions of those that the demo sells to most.

Names, codes and region numbers are those of a stock Magento (gql-012), where one former country has no name (AN).
"""

from __future__ import annotations

import functools
from typing import Any

# Countries where Commerce asks for a region, and where it does not ask for a postcode, by default.
REGION_REQUIRED = {"AU", "BO", "BR", "CA", "CL", "CN", "CO", "EC", "EE", "ES", "HR", "IN", "IT", "LT", "LV", "MX"}
REGION_REQUIRED |= {"PE", "PL", "PY", "RO", "US", "UY", "VE", "CH"}
POSTCODE_OPTIONAL = {"HK", "IE", "MO", "PA", "GB"}

# Two letters, three letters, English name.
_COUNTRIES = """
AD AND Andorra;AE ARE United Arab Emirates;AF AFG Afghanistan;AG ATG Antigua & Barbuda;AI AIA Anguilla;
AL ALB Albania;AM ARM Armenia;AN ANT;AO AGO Angola;AQ ATA Antarctica;AR ARG Argentina;
AS ASM American Samoa;AT AUT Austria;AU AUS Australia;AW ABW Aruba;AX ALA Åland Islands;AZ AZE Azerbaijan;
BA BIH Bosnia & Herzegovina;BB BRB Barbados;BD BGD Bangladesh;BE BEL Belgium;BF BFA Burkina Faso;
BG BGR Bulgaria;BH BHR Bahrain;BI BDI Burundi;BJ BEN Benin;BL BLM St. Barthélemy;BM BMU Bermuda;
BN BRN Brunei;BO BOL Bolivia;BQ BES Caribbean Netherlands;BR BRA Brazil;BS BHS Bahamas;BT BTN Bhutan;
BV BVT Bouvet Island;BW BWA Botswana;BY BLR Belarus;BZ BLZ Belize;CA CAN Canada;
CC CCK Cocos (Keeling) Islands;CD COD Congo - Kinshasa;CF CAF Central African Republic;
CG COG Congo - Brazzaville;CH CHE Switzerland;CI CIV Côte d’Ivoire;CK COK Cook Islands;CL CHL Chile;
CM CMR Cameroon;CN CHN China;CO COL Colombia;CR CRI Costa Rica;CU CUB Cuba;CV CPV Cape Verde;
CW CUW Curaçao;CX CXR Christmas Island;CY CYP Cyprus;CZ CZE Czechia;DE DEU Germany;DJ DJI Djibouti;
DK DNK Denmark;DM DMA Dominica;DO DOM Dominican Republic;DZ DZA Algeria;EC ECU Ecuador;EE EST Estonia;
EG EGY Egypt;EH ESH Western Sahara;ER ERI Eritrea;ES ESP Spain;ET ETH Ethiopia;FI FIN Finland;FJ FJI Fiji;
FK FLK Falkland Islands;FM FSM Micronesia;FO FRO Faroe Islands;FR FRA France;GA GAB Gabon;
GB GBR United Kingdom;GD GRD Grenada;GE GEO Georgia;GF GUF French Guiana;GG GGY Guernsey;GH GHA Ghana;
GI GIB Gibraltar;GL GRL Greenland;GM GMB Gambia;GN GIN Guinea;GP GLP Guadeloupe;GQ GNQ Equatorial Guinea;
GR GRC Greece;GS SGS South Georgia & South Sandwich Islands;GT GTM Guatemala;GU GUM Guam;
GW GNB Guinea-Bissau;GY GUY Guyana;HK HKG Hong Kong SAR China;HM HMD Heard & McDonald Islands;
HN HND Honduras;HR HRV Croatia;HT HTI Haiti;HU HUN Hungary;ID IDN Indonesia;IE IRL Ireland;IL ISR Israel;
IM IMN Isle of Man;IN IND India;IO IOT British Indian Ocean Territory;IQ IRQ Iraq;IR IRN Iran;
IS ISL Iceland;IT ITA Italy;JE JEY Jersey;JM JAM Jamaica;JO JOR Jordan;JP JPN Japan;KE KEN Kenya;
KG KGZ Kyrgyzstan;KH KHM Cambodia;KI KIR Kiribati;KM COM Comoros;KN KNA St. Kitts & Nevis;
KP PRK North Korea;KR KOR South Korea;KW KWT Kuwait;KY CYM Cayman Islands;KZ KAZ Kazakhstan;LA LAO Laos;
LB LBN Lebanon;LC LCA St. Lucia;LI LIE Liechtenstein;LK LKA Sri Lanka;LR LBR Liberia;LS LSO Lesotho;
LT LTU Lithuania;LU LUX Luxembourg;LV LVA Latvia;LY LBY Libya;MA MAR Morocco;MC MCO Monaco;MD MDA Moldova;
ME MNE Montenegro;MF MAF St. Martin;MG MDG Madagascar;MH MHL Marshall Islands;MK MKD North Macedonia;
ML MLI Mali;MM MMR Myanmar (Burma);MN MNG Mongolia;MO MAC Macao SAR China;MP MNP Northern Mariana Islands;
MQ MTQ Martinique;MR MRT Mauritania;MS MSR Montserrat;MT MLT Malta;MU MUS Mauritius;MV MDV Maldives;
MW MWI Malawi;MX MEX Mexico;MY MYS Malaysia;MZ MOZ Mozambique;NA NAM Namibia;NC NCL New Caledonia;
NE NER Niger;NF NFK Norfolk Island;NG NGA Nigeria;NI NIC Nicaragua;NL NLD Netherlands;NO NOR Norway;
NP NPL Nepal;NR NRU Nauru;NU NIU Niue;NZ NZL New Zealand;OM OMN Oman;PA PAN Panama;PE PER Peru;
PF PYF French Polynesia;PG PNG Papua New Guinea;PH PHL Philippines;PK PAK Pakistan;PL POL Poland;
PM SPM St. Pierre & Miquelon;PN PCN Pitcairn Islands;PS PSE Palestinian Territories;PT PRT Portugal;
PW PLW Palau;PY PRY Paraguay;QA QAT Qatar;RE REU Réunion;RO ROU Romania;RS SRB Serbia;RU RUS Russia;
RW RWA Rwanda;SA SAU Saudi Arabia;SB SLB Solomon Islands;SC SYC Seychelles;SD SDN Sudan;SE SWE Sweden;
SG SGP Singapore;SH SHN St. Helena;SI SVN Slovenia;SJ SJM Svalbard & Jan Mayen;SK SVK Slovakia;
SL SLE Sierra Leone;SM SMR San Marino;SN SEN Senegal;SO SOM Somalia;SR SUR Suriname;
ST STP São Tomé & Príncipe;SV SLV El Salvador;SX SXM Sint Maarten;SY SYR Syria;SZ SWZ Eswatini;
TC TCA Turks & Caicos Islands;TD TCD Chad;TF ATF French Southern Territories;TG TGO Togo;TH THA Thailand;
TJ TJK Tajikistan;TK TKL Tokelau;TL TLS Timor-Leste;TM TKM Turkmenistan;TN TUN Tunisia;TO TON Tonga;
TR TUR Turkey;TT TTO Trinidad & Tobago;TV TUV Tuvalu;TW TWN Taiwan, Province of China;TZ TZA Tanzania;
UA UKR Ukraine;UG UGA Uganda;UM UMI U.S. Outlying Islands;US USA United States;UY URY Uruguay;
UZ UZB Uzbekistan;VA VAT Vatican City;VC VCT St. Vincent & Grenadines;VE VEN Venezuela;
VG VGB British Virgin Islands;VI VIR U.S. Virgin Islands;VN VNM Vietnam;VU VUT Vanuatu;
WF WLF Wallis & Futuna;WS WSM Samoa;XK XKX Kosovo;YE YEM Yemen;YT MYT Mayotte;ZA ZAF South Africa;
ZM ZMB Zambia;ZW ZWE Zimbabwe
"""

_GERMAN = """
AT Österreich;AU Australien;BE Belgien;BG Bulgarien;BR Brasilien;CA Kanada;CH Schweiz;CN China;CY Zypern;
CZ Tschechien;DE Deutschland;DK Dänemark;EE Estland;EG Ägypten;ES Spanien;FI Finnland;FR Frankreich;
GB Vereinigtes Königreich;GR Griechenland;HR Kroatien;HU Ungarn;IE Irland;IN Indien;IS Island;IT Italien;
JP Japan;LT Litauen;LU Luxemburg;LV Lettland;MX Mexiko;NL Niederlande;NO Norwegen;NZ Neuseeland;PL Polen;
RO Rumänien;SE Schweden;SI Slowenien;SK Slowakei;TR Türkei;US Vereinigte Staaten;ZA Südafrika
"""

# Number, code, name.
_REGIONS = {
    "AT": """
102 BL Burgenland;99 KN Kärnten;96 NO Niederösterreich;97 OO Oberösterreich;98 SB Salzburg;
100 ST Steiermark;101 TI Tirol;103 VB Vorarlberg;95 WI Wien
""",
    "CA": """
66 AB Alberta;67 BC British Columbia;68 MB Manitoba;70 NB New Brunswick;69 NL Newfoundland and Labrador;
72 NT Northwest Territories;71 NS Nova Scotia;73 NU Nunavut;74 ON Ontario;75 PE Prince Edward Island;
76 QC Quebec;77 SK Saskatchewan;78 YT Yukon Territory
""",
    "DE": """
80 BAW Baden-Württemberg;81 BAY Bayern;82 BER Berlin;83 BRG Brandenburg;84 BRE Bremen;85 HAM Hamburg;
86 HES Hessen;87 MEC Mecklenburg-Vorpommern;79 NDS Niedersachsen;88 NRW Nordrhein-Westfalen;
89 RHE Rheinland-Pfalz;90 SAR Saarland;91 SAS Sachsen;92 SAC Sachsen-Anhalt;93 SCN Schleswig-Holstein;
94 THE Thüringen
""",
    "US": """
1 AL Alabama;2 AK Alaska;3 AS American Samoa;4 AZ Arizona;5 AR Arkansas;6 AE Armed Forces Africa;
7 AA Armed Forces Americas;8 AE Armed Forces Canada;9 AE Armed Forces Europe;
10 AE Armed Forces Middle East;11 AP Armed Forces Pacific;12 CA California;13 CO Colorado;
14 CT Connecticut;15 DE Delaware;16 DC District of Columbia;17 FM Federated States Of Micronesia;
18 FL Florida;19 GA Georgia;20 GU Guam;21 HI Hawaii;22 ID Idaho;23 IL Illinois;24 IN Indiana;25 IA Iowa;
26 KS Kansas;27 KY Kentucky;28 LA Louisiana;29 ME Maine;30 MH Marshall Islands;31 MD Maryland;
32 MA Massachusetts;33 MI Michigan;34 MN Minnesota;35 MS Mississippi;36 MO Missouri;37 MT Montana;
38 NE Nebraska;39 NV Nevada;40 NH New Hampshire;41 NJ New Jersey;42 NM New Mexico;43 NY New York;
44 NC North Carolina;45 ND North Dakota;46 MP Northern Mariana Islands;47 OH Ohio;48 OK Oklahoma;
49 OR Oregon;50 PW Palau;51 PA Pennsylvania;52 PR Puerto Rico;53 RI Rhode Island;54 SC South Carolina;
55 SD South Dakota;56 TN Tennessee;57 TX Texas;58 UT Utah;59 VT Vermont;60 VI Virgin Islands;
61 VA Virginia;62 WA Washington;63 WV West Virginia;64 WI Wisconsin;65 WY Wyoming
""",
}


def _entries(packed: str) -> list[str]:
    return [entry for line in packed.strip().splitlines() for entry in line.rstrip(";").split(";")]


@functools.cache
def countries(locale: str) -> list[dict[str, Any]]:
    """All countries as GraphQL's `Country`, named in the language of the locale where that is known."""
    german = dict(entry.split(" ", 1) for entry in _entries(_GERMAN)) if locale.startswith("de") else {}
    found = []
    for entry in _entries(_COUNTRIES):
        code, long, name = (*entry.split(" ", 2), "")[:3]
        regions = [
            {"id": int(number), "code": region, "name": text}
            for number, region, text in (one.split(" ", 2) for one in _entries(_REGIONS.get(code, "")) if one)
        ]
        found.append(
            {
                "id": code,
                "two_letter_abbreviation": code,
                "three_letter_abbreviation": long,
                "full_name_locale": german.get(code, name) or None,
                "full_name_english": name or None,
                "available_regions": regions or None,
            }
        )
    return found
